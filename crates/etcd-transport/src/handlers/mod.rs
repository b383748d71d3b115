//! What the peer port answers.
//!
//! # Source
//! etcd `server/etcdserver/api/rafthttp/http.go` and `server/etcdserver/api/etcdhttp/peer.go`.

mod info;
mod message;
mod snapshot;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::any;
use etcd_membership::MemberId;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::Semaphore;

use crate::identity::{CLUSTER_ID, PEER_URLS, SERVER_FROM, insert, text};
use crate::transport::Inner;
use crate::version::compatible;

/// An answer other than the one that was asked for.
type Refused = Box<Response>;

/// What the handlers share.
pub(crate) struct Port {
    inner: Arc<Inner>,
    posts: Semaphore,
    snapshots: Semaphore,
}

pub(crate) fn router(inner: Arc<Inner>) -> Router {
    let options = &inner.shared.options;
    let posts = Semaphore::new(options.max_posts);
    let snapshots = Semaphore::new(options.snapshot_receives);
    Router::new()
        .route("/raft", any(message::receive))
        .route("/raft/stream/{*rest}", any(stream::open))
        .route("/raft/snapshot", any(snapshot::receive))
        .route("/raft/probing", any(info::probing))
        .route("/members", any(info::members))
        .route("/version", any(info::version))
        .fallback(async || error(StatusCode::NOT_FOUND, "404 page not found"))
        .with_state(Arc::new(Port { inner, posts, snapshots }))
}

impl Port {
    /// Refuses a request with another method.
    fn allow(method: &Method, allowed: &Method) -> Result<(), Refused> {
        if method == allowed {
            return Ok(());
        }
        let mut response = refused(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        insert(response.headers_mut(), ALLOW, allowed.as_str());
        Err(response)
    }

    /// Refuses a sender of another cluster, or one that is too old or too new.
    ///
    /// # Source
    /// etcd `server/etcdserver/api/rafthttp/http.go`, `checkClusterCompatibilityFromHeader`.
    fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let shared = &self.inner.shared;
        let reason = if !compatible(&shared.identity, headers) {
            tracing::debug!(from = text(headers, &SERVER_FROM), "refused peer of incompatible version");
            "incompatible version"
        } else {
            let theirs = text(headers, &CLUSTER_ID);
            if theirs == Some(shared.identity.cluster.to_string().as_str()) {
                return Ok(());
            }
            shared.refused_cluster(sender(headers), theirs.and_then(|id| id.parse().ok()));
            "cluster ID mismatch"
        };
        Err(Box::new(self.identified(error(StatusCode::PRECONDITION_FAILED, reason))))
    }

    /// Learns how to answer a sender that is no peer yet.
    fn note_sender(&self, headers: &HeaderMap) {
        let Some(from) = sender(headers) else { return };
        let Some(urls) = text(headers, &PEER_URLS) else { return };
        if self.inner.shared.node.is_removed(from) {
            return;
        }
        let urls: Vec<String> = urls.split(',').map(str::to_owned).collect();
        if let Err(error) = self.inner.add_remote(from, &urls) {
            tracing::debug!(peer_id = %from, %error, "sender has no usable URL");
        }
    }

    /// The id, if it is one of a peer: only those may become labels of metrics.
    fn known(&self, id: Option<MemberId>) -> Option<MemberId> {
        id.filter(|id| self.inner.peer(*id).is_some())
    }

    fn identified(&self, mut response: Response) -> Response {
        insert(response.headers_mut(), CLUSTER_ID, &self.inner.shared.identity.cluster.to_string());
        response
    }
}

fn sender(headers: &HeaderMap) -> Option<MemberId> {
    text(headers, &SERVER_FROM).and_then(|id| id.parse().ok())
}

/// A sentence, as Go's `http.Error` writes it.
pub(crate) fn error(status: StatusCode, sentence: &str) -> Response {
    let mut response = Response::new(Body::from(format!("{sentence}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

fn refused(status: StatusCode, sentence: &str) -> Refused {
    Box::new(error(status, sentence))
}

fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn json(body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
