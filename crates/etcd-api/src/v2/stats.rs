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
    /// Messages with entries that came from a leader.
    #[serde(rename = "recvAppendRequestCnt")]
    pub received: u64,
    /// The same, a second; left out when it is 0, as the other rates are.
    #[serde(rename = "recvPkgRate", skip_serializing_if = "is_zero")]
    pub received_per_second: f64,
    /// Their bytes, a second.
    #[serde(rename = "recvBandwidthRate", skip_serializing_if = "is_zero")]
    pub received_bytes_per_second: f64,
    /// Messages with entries that went to followers.
    #[serde(rename = "sendAppendRequestCnt")]
    pub sent: u64,
    /// The same, a second.
    #[serde(rename = "sendPkgRate", skip_serializing_if = "is_zero")]
    pub sent_per_second: f64,
    /// Their bytes, a second.
    #[serde(rename = "sendBandwidthRate", skip_serializing_if = "is_zero")]
    pub sent_bytes_per_second: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(rate: &f64) -> bool {
    *rate == 0.0
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

/// How a follower fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Follower {
    /// How long sending took.
    pub latency: Latency,
    /// How often it went well.
    pub counts: SendCounts,
    /// Beyond etcd: whether it was heard of lately.
    pub active: bool,
    /// Beyond etcd: the highest index of the log that it has.
    #[serde(rename = "matchIndex")]
    pub matched: u64,
}

/// Milliseconds that sending messages with entries took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// The newest.
    pub current: f64,
    /// The mean.
    pub average: f64,
    /// The standard deviation.
    #[serde(rename = "standardDeviation")]
    pub deviation: f64,
    /// The shortest; before the first one 2^63, as in etcd.
    pub minimum: f64,
    /// The longest.
    pub maximum: f64,
}

/// Messages with entries to a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SendCounts {
    /// Those that could not be sent.
    pub fail: u64,
    /// Those that were.
    pub success: u64,
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
