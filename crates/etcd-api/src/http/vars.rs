//! `GET /debug/vars`: what etcd publishes there, without what only Go has.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header;
use serde::Serialize;

use crate::Replica;
use crate::api::Shared;
use crate::metrics::open_files_limit;

#[derive(Serialize)]
struct Vars<'a> {
    cmdline: &'a [String],
    file_descriptor_limit: u64,
    #[serde(rename = "raft.status")]
    raft_status: RaftStatus,
}

/// Ids are hexadecimal, as etcd writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RaftStatus {
    id: String,
    term: u64,
    commit: u64,
    lead: String,
    raft_state: &'static str,
    applied: u64,
}

pub(super) async fn answer<R: Replica>(State(shared): State<Arc<Shared<R>>>) -> Response {
    let (standing, status) = (shared.replica.standing(), shared.replica.status());
    let is_leader = standing.leader == standing.member_id.get();
    let vars = Vars {
        cmdline: &shared.options.command_line,
        file_descriptor_limit: open_files_limit().unwrap_or_default(),
        raft_status: RaftStatus {
            id: format!("{:x}", standing.member_id.get()),
            term: standing.term,
            commit: status.index,
            lead: format!("{:x}", standing.leader),
            raft_state: if is_leader { "StateLeader" } else { "StateFollower" },
            applied: status.applied_index,
        },
    };
    let body = serde_json::to_string_pretty(&vars).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body + "\n").into_response()
}
