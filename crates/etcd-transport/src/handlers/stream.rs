//! `/raft/stream/…`: a peer asks for what this member has to tell it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use etcd_membership::MemberId;
use http::{Method, StatusCode};
use tracing::{debug, warn};

use super::{Port, Refused, refused};
use crate::codec::StreamKind;
use crate::identity::{RAFT_TO, SERVER_VERSION, insert, text};
use crate::peer::StreamBody;

/// # Source
/// etcd `server/etcdserver/api/rafthttp/http.go`, `streamHandler`.
pub(super) async fn open(State(port): State<Arc<Port>>, request: Request) -> Response {
    if let Err(refused) = Port::allow(request.method(), &Method::GET) {
        return *refused;
    }
    let mut response = answer(&port, &request).unwrap_or_else(|refused| *refused);
    insert(response.headers_mut(), SERVER_VERSION, &port.inner.shared.identity.server_version);
    port.identified(response)
}

fn answer(port: &Port, request: &Request) -> Result<Response, Refused> {
    let headers = request.headers();
    port.check(headers)?;
    let (kind, from) = target(request.uri().path())?;
    let shared = &port.inner.shared;
    if shared.node.is_removed(from) {
        debug!(peer_id = %from, "refused stream of removed member");
        return Err(refused(StatusCode::GONE, "removed member"));
    }
    let Some(peer) = port.inner.peer(from) else {
        port.note_sender(headers);
        debug!(peer_id = %from, "refused stream of unknown peer");
        return Err(refused(StatusCode::NOT_FOUND, "error sender not found"));
    };
    let to = text(headers, &RAFT_TO).unwrap_or_default();
    if to != shared.identity.member.to_string() {
        warn!(peer_id = %from, wanted = to, "refused stream meant for another member");
        return Err(refused(StatusCode::PRECONDITION_FAILED, "to field mismatch"));
    }
    match StreamBody::attach(peer, kind) {
        Some(body) => Ok(Response::new(Body::new(body))),
        None => Err(refused(StatusCode::NOT_FOUND, "error sender not found")),
    }
}

/// Which stream, for whom.
fn target(path: &str) -> Result<(StreamKind, MemberId), Refused> {
    let found = [StreamKind::MsgApp, StreamKind::Message]
        .into_iter()
        .find_map(|kind| Some((kind, path.strip_prefix(kind.path())?)))
        .filter(|(_, id)| !id.contains('/'));
    let Some((kind, id)) = found else {
        return Err(refused(StatusCode::NOT_FOUND, "invalid path"));
    };
    let from = id.parse().map_err(|_| refused(StatusCode::NOT_FOUND, "invalid from"))?;
    Ok((kind, from))
}
