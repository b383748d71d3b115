//! `/v2/stats`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;

use super::{Shared, V2, disallowed, json, message};
use crate::Replica;

/// What a member tells about itself.
#[derive(Debug, Clone, Serialize)]
pub struct SelfStats {
    /// Its name.
    pub name: String,
    /// Its id, in hexadecimal.
    pub id: String,
    /// `StateLeader` or `StateFollower`.
    pub state: String,
    /// When it started, as RFC 3339.
    #[serde(rename = "startTime")]
    pub start_time: String,
    /// Who leads.
    #[serde(rename = "leaderInfo")]
    pub leader: LeaderInfo,
}

/// Who leads, and since when.
#[derive(Debug, Clone, Serialize)]
pub struct LeaderInfo {
    /// The leader's id, in hexadecimal; empty while there is none.
    pub leader: String,
    /// For how long, as Go writes a duration.
    pub uptime: String,
    /// Since when, as RFC 3339.
    #[serde(rename = "startTime")]
    pub start_time: String,
}

/// What a leader tells about those that follow it.
#[derive(Debug, Clone, Serialize)]
pub struct LeaderStats {
    /// Its own id, in hexadecimal.
    pub leader: String,
    /// The others, by id.
    pub followers: BTreeMap<String, Follower>,
}

/// How far a follower is. etcd measures the posts of its oldest peer protocol here; nothing is sent that way now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Follower {
    /// Whether it was heard of lately.
    pub active: bool,
    /// The highest index of the log that it has.
    #[serde(rename = "matchIndex")]
    pub matched: u64,
}

pub(super) async fn own<R: Replica, V: V2>(
    State(shared): State<Arc<Shared<R, V>>>,
    method: Method,
) -> Response {
    if let Some(response) = disallowed(&method, &["GET"]) {
        return response;
    }
    shown(&shared.keys.self_stats())
}

pub(super) async fn leader<R: Replica, V: V2>(
    State(shared): State<Arc<Shared<R, V>>>,
    method: Method,
) -> Response {
    if let Some(response) = disallowed(&method, &["GET"]) {
        return response;
    }
    match shared.keys.leader_stats().await {
        Some(stats) => shown(&stats),
        None => message(StatusCode::FORBIDDEN, "not current leader"),
    }
}

pub(super) async fn store<R: Replica, V: V2>(
    State(shared): State<Arc<Shared<R, V>>>,
    method: Method,
) -> Response {
    if let Some(response) = disallowed(&method, &["GET"]) {
        return response;
    }
    let (stats, watchers) = shared.keys.counters();
    json(StatusCode::OK, stats.to_json(watchers))
}

fn shown(stats: &impl Serialize) -> Response {
    match serde_json::to_string(stats) {
        Ok(text) => json(StatusCode::OK, text),
        Err(error) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
