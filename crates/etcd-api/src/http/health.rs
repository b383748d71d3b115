//! `GET /health`: alarms, then the leader, then a read.
//!
//! Source: etcd `server/etcdserver/api/etcdhttp/health.go`.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use etcd_proto::etcdserverpb::AlarmType;
use http::{Method, StatusCode, header};
use serde::Serialize;
use tracing::warn;

use super::checks::read;
use super::{not_allowed, text};
use crate::Replica;
use crate::api::Shared;

#[derive(Serialize)]
struct Health {
    health: &'static str,
    reason: String,
}

pub(super) async fn answer<R: Replica>(
    State(shared): State<Arc<Shared<R>>>,
    method: Method,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    if method != Method::GET {
        return not_allowed();
    }
    let serializable =
        query.iter().find(|(name, _)| name == "serializable").is_some_and(|(_, v)| v == "true");
    let excluded = query.iter().filter(|(name, value)| name == "exclude" && !value.is_empty());
    let excluded = excluded.map(|(_, value)| value.as_str()).collect();
    let reason = check(&shared, &excluded, serializable).await.err();
    shared.metrics.count_health(reason.is_none());
    let health = Health {
        health: if reason.is_none() { "true" } else { "false" },
        reason: reason.clone().unwrap_or_default(),
    };
    let body = serde_json::to_string(&health).unwrap_or_default();
    match reason {
        None => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response(),
        Some(reason) => {
            warn!(reason, "serving /health false");
            text(StatusCode::SERVICE_UNAVAILABLE, &(body + "\n"))
        }
    }
}

/// Checks in etcd's order; the error is the reason to show.
async fn check<R: Replica>(
    shared: &Shared<R>,
    excluded: &HashSet<&str>,
    serializable: bool,
) -> Result<(), String> {
    for alarm in shared.replica.alarms() {
        let name = AlarmType::try_from(alarm.alarm).ok().map(|alarm| alarm.as_str_name());
        if name.is_none_or(|name| !excluded.contains(name)) {
            let shown = name.filter(|name| *name != AlarmType::None.as_str_name()).unwrap_or("UNKNOWN");
            return Err(format!("ALARM {shown}"));
        }
    }
    if !serializable && shared.replica.standing().leader == 0 {
        return Err("RAFT NO LEADER".to_owned());
    }
    match read(shared, serializable).await {
        Ok(()) => Ok(()),
        Err(error) => Err(format!("RANGE ERROR:{error}")),
    }
}
