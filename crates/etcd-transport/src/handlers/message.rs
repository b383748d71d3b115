//! `/raft`: one message in a request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use etcd_membership::MemberId;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{Message, MessageType};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::timeout;

use super::{Port, Refused, json, no_content, refused, sender};

/// # Source
/// etcd `server/etcdserver/api/rafthttp/http.go`, `pipelineHandler`.
pub(super) async fn receive(State(port): State<Arc<Port>>, request: Request) -> Response {
    if let Err(refused) = Port::allow(request.method(), &Method::POST) {
        return *refused;
    }
    if let Err(refused) = port.check(request.headers()) {
        return *refused;
    }
    let from = port.known(sender(request.headers()));
    let outcome = match port.posts.acquire().await {
        Ok(_permit) => take(&port, request).await,
        Err(_) => Err(refused(StatusCode::SERVICE_UNAVAILABLE, "node is stopped")),
    };
    let response = outcome.unwrap_or_else(|refused| {
        port.inner.shared.metrics.received_failure(from);
        *refused
    });
    port.identified(response)
}

async fn take(port: &Port, request: Request) -> Result<Response, Refused> {
    port.note_sender(request.headers());
    let shared = &port.inner.shared;
    let body = read(request, shared.options.max_message_bytes, shared.options.request_timeout).await?;
    let size = body.len() as u64;
    let message = Message::decode(body)
        .map_err(|_| refused(StatusCode::BAD_REQUEST, "error unmarshalling raft message"))?;
    let from = MemberId::new(message.from);
    if let Some(peer) = port.inner.peer(from) {
        peer.metrics().received_bytes.inc_by(size);
    }
    port.accept(&message)?;
    if message.r#type == MessageType::MsgApp as i32 {
        shared.received_appends.note(1, size, std::time::Instant::now());
    }
    match shared.node.receive(vec![message]).await {
        Ok(()) => Ok(no_content()),
        Err(_) => Err(refused(StatusCode::INTERNAL_SERVER_ERROR, "error processing raft message")),
    }
}

async fn read(request: Request, limit: usize, patience: std::time::Duration) -> Result<Bytes, Refused> {
    let body = Limited::new(request.into_body(), limit);
    match timeout(patience, body.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "error reading raft message")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "error reading raft message")),
    }
}

impl Port {
    /// Refuses messages from removed members and for others.
    ///
    /// A message for another member is a mistake of the sender's membership, no proof that it has been removed: so the
    /// answer is not 403, on which members stop themselves.
    pub(super) fn accept(&self, message: &Message) -> Result<(), Refused> {
        let shared = &self.inner.shared;
        if shared.node.is_removed(MemberId::new(message.from)) {
            let mut response = json(r#"{"message":"cannot process message from removed member"}"#.to_owned());
            *response.status_mut() = StatusCode::FORBIDDEN;
            return Err(Box::new(response));
        }
        if message.to != shared.identity.member.get() {
            return Err(refused(StatusCode::PRECONDITION_FAILED, "to field mismatch"));
        }
        Ok(())
    }
}
