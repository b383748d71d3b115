//! What the peer port answers beside the transport's own paths.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use etcd_api::{KeyspaceHash, Replica as _};
use etcd_transport::{HASH_KV_PATH, HashKvAnswer, HashKvHeader, HashKvQuestion};
use http::{HeaderMap, StatusCode, header};

use crate::adapters::ServerReplica;

const CLUSTER_ID: &str = "x-etcd-cluster-id";

/// The routes for `replica`.
pub(crate) fn router(replica: ServerReplica) -> Router {
    Router::new()
        .route("/downgrade/enabled", get(downgrade_enabled))
        .route(HASH_KV_PATH, get(hash_kv))
        .layer(DefaultBodyLimit::max(QUESTION_BYTES))
        .with_state(replica)
}

/// The longest question that anybody has.
const QUESTION_BYTES: usize = 4 << 10;

/// Members compare the hashes of their keys.
///
/// # Source
/// etcd `server/etcdserver/corrupt.go`, hashKVHandler.
async fn hash_kv(State(replica): State<ServerReplica>, headers: HeaderMap, body: Bytes) -> Response {
    let cluster_id = replica.cluster_id().to_string();
    if headers.get(CLUSTER_ID).is_some_and(|theirs| theirs.as_bytes() != cluster_id.as_bytes()) {
        return text(StatusCode::PRECONDITION_FAILED, &replica, "cluster ID mismatch\n".to_owned());
    }
    let Ok(question) = serde_json::from_slice::<HashKvQuestion>(&body) else {
        return text(StatusCode::BAD_REQUEST, &replica, "error unmarshalling request\n".to_owned());
    };
    match replica.hash_kv(question.revision).await {
        Ok(found) => {
            let standing = replica.standing();
            let header = HashKvHeader {
                cluster_id: standing.cluster_id.get(),
                member_id: standing.member_id.get(),
                revision: found.revision,
                raft_term: standing.term,
            };
            let KeyspaceHash { hash, compact_revision, hash_revision, .. } = found;
            Json(HashKvAnswer { header, hash, compact_revision, hash_revision }).into_response()
        }
        // What the asker looks for is in the text.
        Err(error) => text(StatusCode::BAD_REQUEST, &replica, format!("{error}\n")),
    }
}

/// Members of etcd 3.5 and later ask this before they join.
///
/// # Source
/// etcd `server/etcdserver/server.go` downgradeEnabledHandler.
async fn downgrade_enabled(State(replica): State<ServerReplica>) -> Response {
    match replica.is_downgrading().await {
        Ok(enabled) => text(StatusCode::OK, &replica, enabled.to_string()),
        Err(error) => {
            let reason = format!("failed linearized read: {error}\n");
            text(StatusCode::INTERNAL_SERVER_ERROR, &replica, reason)
        }
    }
}

fn text(status: StatusCode, replica: &ServerReplica, text: String) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    if let Ok(id) = replica.cluster_id().to_string().parse() {
        headers.insert(CLUSTER_ID, id);
    }
    (status, headers, text).into_response()
}
