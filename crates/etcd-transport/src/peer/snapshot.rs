//! Sending a database to a peer that is too far behind for the log.
//!
//! # Source
//! etcd `server/etcdserver/api/rafthttp/snapshot_sender.go`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::Message;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::Peer;
use crate::blocking::{self, ChannelBody, Progress};
use crate::exchange::{Exchange, ExchangeError, request};
use crate::metrics::SnapshotMetrics;
use crate::net::Connector;
use crate::node::SnapshotSource;
use crate::url::PeerUrl;

/// Reports a failure unless told otherwise, also when the task is cancelled before it has begun.
pub(super) struct Outcome {
    peer: Arc<Peer>,
    metrics: SnapshotMetrics,
    ok: bool,
}

impl Outcome {
    /// A snapshot for `peer` is on its way.
    pub(super) fn new(peer: Arc<Peer>) -> Self {
        let metrics = peer.shared.metrics.sent_snapshot(peer.id);
        metrics.inflight.inc();
        Self { peer, metrics, ok: false }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.metrics.inflight.dec();
        if self.ok {
            self.metrics.success.inc();
        } else {
            self.metrics.failures.inc();
            self.peer.lose();
        }
        self.peer.snapshot.store(false, Ordering::Release);
        self.peer.node().report_snapshot(self.peer.id, self.ok);
    }
}

/// Sends `message` and, behind it, the database.
pub(super) async fn send(mut outcome: Outcome, message: Message, source: Box<dyn SnapshotSource>) {
    let peer = Arc::clone(&outcome.peer);
    let Ok(_permit) = Arc::clone(&peer.shared.snapshot_sends).acquire_owned().await else { return };
    let index =
        message.snapshot.as_ref().and_then(|snapshot| snapshot.metadata.as_ref()).map(|meta| meta.index);
    let start = Instant::now();
    let url = peer.urls.pick();
    info!(peer_id = %peer.id, url = %url, snapshot_index = index, "sending database snapshot");
    match transfer(&peer, &url, &message, source).await {
        Ok(bytes) => {
            outcome.ok = true;
            outcome.metrics.bytes.inc_by(bytes);
            outcome.metrics.seconds.observe(start.elapsed().as_secs_f64());
            peer.status.activate();
            let took_ms = start.elapsed().as_millis();
            info!(peer_id = %peer.id, snapshot_index = index, bytes, took_ms, "sent database snapshot");
        }
        Err(error) => {
            peer.urls.unreachable(&url);
            peer.status.deactivate("post snapshot", url.as_str(), &error.to_string());
            peer.shared.heed(peer.id, &error, false);
            warn!(peer_id = %peer.id, url = %url, snapshot_index = index, %error, "failed to send database snapshot");
        }
    }
}

/// Returns the bytes sent.
async fn transfer(
    peer: &Peer,
    url: &PeerUrl,
    message: &Message,
    source: Box<dyn SnapshotSource>,
) -> Result<u64, ExchangeError> {
    let options = peer.options();
    let connector = Connector { write_timeout: options.snapshot_stall, ..peer.shared.connector() };
    let mut exchange = Exchange::open(&connector, url).await?;
    let (mut writer, body, progress) = blocking::body(framed(message));
    let writing = tokio::task::spawn_blocking(move || {
        source.write_to(&mut writer)?;
        writer.finish()
    });
    let mut request = request(&peer.shared, Method::POST, url, "/raft/snapshot", body);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let posted = tokio::select! {
        posted = post(&mut exchange, request) => posted,
        () = stalled(peer, &progress) => Err(ExchangeError::Timeout),
    };
    // Closes the body, so that the writing thread cannot wait for ever.
    drop(exchange);
    let written = writing.await;
    posted?;
    match written {
        Ok(Ok(())) => Ok(progress.bytes()),
        Ok(Err(error)) => Err(ExchangeError::Body(error.to_string())),
        Err(error) => Err(ExchangeError::Body(error.to_string())),
    }
}

async fn post(
    exchange: &mut Exchange<ChannelBody>,
    request: http::Request<ChannelBody>,
) -> Result<(), ExchangeError> {
    let response = exchange.send(request).await?;
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(());
    }
    Err(exchange.refusal(response).await)
}

/// Returns once nothing has moved for too long.
async fn stalled(peer: &Peer, progress: &Progress) {
    let options = peer.options();
    let step = options.snapshot_stall.min(options.snapshot_answer).min(Duration::from_secs(1));
    let mut last = (0, false, Instant::now());
    loop {
        let (bytes, ended) = (progress.bytes(), progress.ended());
        if (bytes, ended) != (last.0, last.1) {
            last = (bytes, ended, Instant::now());
        }
        let patience = if ended { options.snapshot_answer } else { options.snapshot_stall };
        if last.2.elapsed() >= patience {
            return;
        }
        sleep(step).await;
    }
}

fn framed(message: &Message) -> Bytes {
    let len = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(8 + len);
    bytes.put_u64(len as u64);
    message.encode_raw(&mut bytes);
    bytes.freeze()
}
