//! `/raft/snapshot`: a message and, behind it, a database.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{Buf as _, Bytes, BytesMut};
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{Message, MessageType};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::{Port, Refused, error, no_content, refused, sender};
use crate::blocking;
use crate::metrics::SnapshotMetrics;

/// The message in front is small: the database does not count.
const MESSAGE_LIMIT: usize = 64 << 20;
const LENGTH: usize = 8;

/// # Source
/// etcd `server/etcdserver/api/rafthttp/http.go`, `snapshotHandler`.
pub(super) async fn receive(State(port): State<Arc<Port>>, request: Request) -> Response {
    if let Err(refused) = Port::allow(request.method(), &Method::POST) {
        return *refused;
    }
    let from = port.known(sender(request.headers()));
    let metrics = port.inner.shared.metrics.received_snapshot(from);
    if let Err(refused) = port.check(request.headers()) {
        metrics.failures.inc();
        return *refused;
    }
    let Ok(_permit) = port.snapshots.try_acquire() else {
        metrics.failures.inc();
        return port.identified(error(StatusCode::SERVICE_UNAVAILABLE, "too many snapshots at once"));
    };
    let start = Instant::now();
    metrics.inflight.inc();
    let outcome = take(&port, request, &metrics).await;
    metrics.inflight.dec();
    if outcome.is_ok() {
        metrics.success.inc();
        metrics.seconds.observe(start.elapsed().as_secs_f64());
    } else {
        metrics.failures.inc();
    }
    port.identified(outcome.unwrap_or_else(|refused| *refused))
}

async fn take(port: &Port, request: Request, metrics: &SnapshotMetrics) -> Result<Response, Refused> {
    port.note_sender(request.headers());
    let mut incoming =
        Incoming { body: request.into_body(), patience: port.inner.shared.options.snapshot_stall };
    let limit = MESSAGE_LIMIT.min(port.inner.shared.options.max_message_bytes);
    let (message, rest) = incoming.message(limit).await.map_err(|reason| {
        refused(StatusCode::BAD_REQUEST, &format!("failed to decode raft message ({reason})"))
    })?;
    if message.r#type != MessageType::MsgSnap as i32 {
        return Err(refused(StatusCode::BAD_REQUEST, "wrong raft message type"));
    }
    port.accept(&message)?;
    let peer_id = etcd_membership::MemberId::new(message.from);
    let index =
        message.snapshot.as_ref().and_then(|snapshot| snapshot.metadata.as_ref()).map(|meta| meta.index);
    info!(%peer_id, snapshot_index = index, "receiving database snapshot");
    let (message, bytes) = store(port, message, rest, incoming).await.map_err(|reason| {
        warn!(%peer_id, snapshot_index = index, error = %reason, "failed to store incoming database snapshot");
        refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("failed to save KV snapshot ({reason})"))
    })?;
    metrics.bytes.inc_by(bytes);
    info!(%peer_id, snapshot_index = index, bytes, "received and stored database snapshot");
    match port.inner.shared.node.receive(vec![message]).await {
        Ok(()) => Ok(no_content()),
        Err(reason) => Err(refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("failed to process raft message ({reason})"),
        )),
    }
}

/// Feeds the database to the node, which reads it on a thread of its own.
async fn store(
    port: &Port,
    message: Message,
    first: Bytes,
    mut incoming: Incoming,
) -> io::Result<(Message, u64)> {
    let (feed, mut reader) = blocking::reader();
    let node = Arc::clone(&port.inner.shared.node);
    let storing = tokio::task::spawn_blocking(move || {
        let stored = node.store_snapshot(&message, &mut reader);
        stored.map(|bytes| (message, bytes))
    });
    let mut chunk = Some(Ok(first));
    let mut complete = true;
    while let Some(next) = chunk {
        let failed = next.is_err();
        if feed.send(Some(next)).await.is_err() || failed {
            complete = false;
            break;
        }
        chunk = incoming.next().await;
    }
    if complete {
        complete = feed.send(None).await.is_ok();
    }
    drop(feed);
    let stored = storing.await.map_err(io::Error::other)??;
    if complete { Ok(stored) } else { Err(io::Error::other("the database was not read to its end")) }
}

struct Incoming {
    body: Body,
    patience: std::time::Duration,
}

impl Incoming {
    /// The next bytes; `None` at the end. A sender that stalls is an error.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            let frame = match timeout(self.patience, self.body.frame()).await {
                Ok(frame) => frame?,
                Err(_) => return Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the sender stalls"))),
            };
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => return Some(Ok(data)),
                Ok(Err(_)) => {}
                Err(error) => return Some(Err(io::Error::other(error))),
            }
        }
    }

    /// The message in front, and the bytes read beyond it.
    async fn message(&mut self, limit: usize) -> io::Result<(Message, Bytes)> {
        let mut buffer = BytesMut::new();
        let mut want = None;
        loop {
            if want.is_none() && buffer.len() >= LENGTH {
                let length = usize::try_from(buffer.get_u64()).ok().filter(|length| *length <= limit);
                want = Some(length.ok_or_else(|| io::Error::other("error limit exceeded"))?);
            }
            if let Some(length) = want.filter(|length| buffer.len() >= *length) {
                let message = Message::decode(buffer.split_to(length).freeze()).map_err(io::Error::other)?;
                return Ok((message, buffer.freeze()));
            }
            match self.next().await {
                Some(chunk) => buffer.extend_from_slice(&chunk?),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "unexpected EOF")),
            }
        }
    }
}
