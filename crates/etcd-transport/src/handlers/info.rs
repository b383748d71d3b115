//! `/members`, `/version` and `/raft/probing`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{Method, StatusCode};
use serde::Serialize;

use super::{Port, error, json};
use crate::client::Versions;
use crate::peer::Health;

pub(super) async fn members(State(port): State<Arc<Port>>, method: Method) -> Response {
    if let Err(refused) = Port::allow(&method, &Method::GET) {
        return *refused;
    }
    port.identified(encode(&port.inner.shared.node.members(), "\n"))
}

pub(super) async fn version(State(port): State<Arc<Port>>, method: Method) -> Response {
    if let Err(refused) = Port::allow(&method, &Method::GET) {
        return *refused;
    }
    let shared = &port.inner.shared;
    let versions = Versions {
        server: shared.identity.server_version.clone(),
        cluster: shared.node.cluster_version().unwrap_or_else(|| "not_decided".to_owned()),
        storage: shared.node.storage_version().unwrap_or_else(|| "unknown".to_owned()),
    };
    encode(&versions, "")
}

pub(super) async fn probing() -> Response {
    encode(&Health::now(), "\n")
}

fn encode<T: Serialize>(value: &T, end: &str) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => json(text + end),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
    }
}
