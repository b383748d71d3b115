//! Reading a stream: this side dials, the peer's answer is the stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_proto::raftpb::Message;
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use super::Peer;
use crate::codec::{DecodeError, Decoder, StreamKind};
use crate::exchange::{Exchange, ExchangeError, in_words, request};
use crate::identity::RAFT_TO;
use crate::node::ReceiveError;
use crate::url::PeerUrl;
use crate::version::has_streams;

/// The node gets the messages of one wake-up at once, up to this many.
const BATCH: usize = 1024;

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum ReadError {
    #[error("the peer closed the stream")]
    Closed,
    #[error("{0}")]
    Broken(String),
    #[error("the stream was silent for too long")]
    Silent,
    #[error("{0}")]
    Decode(DecodeError),
    #[error("{0}")]
    Receive(ReceiveError),
}

/// Keeps one stream from the peer open until the peer is stopped.
pub(super) async fn run(peer: Arc<Peer>, kind: StreamKind) {
    loop {
        let url = peer.urls.pick();
        match open(&peer, kind, &url).await {
            Ok(mut stream) => {
                peer.status.activate();
                info!(peer_id = %peer.id, stream = kind.name(), url = %url, "opened stream from peer");
                let error = stream.pump(&peer).await;
                warn!(peer_id = %peer.id, stream = kind.name(), url = %url, %error, "lost stream from peer");
                if !matches!(error, ReadError::Closed) {
                    peer.status.deactivate("read", url.as_str(), &error.to_string());
                }
            }
            Err(error) => {
                peer.urls.unreachable(&url);
                peer.status.deactivate("dial", url.as_str(), &error.to_string());
                peer.shared.heed(peer.id, &error, true);
            }
        }
        sleep(peer.options().dial_retry).await;
    }
}

/// # Source
/// etcd `server/etcdserver/api/rafthttp/stream.go`, `dial`.
async fn open(peer: &Peer, kind: StreamKind, url: &PeerUrl) -> Result<Stream, ExchangeError> {
    let mut exchange = Exchange::open(&peer.shared.connector(), url).await?;
    let path = format!("{}{}", kind.path(), peer.shared.identity.member);
    let mut request = request(&peer.shared, Method::GET, url, &path, Empty::new());
    crate::identity::insert(request.headers_mut(), RAFT_TO, &peer.id.to_string());
    let patience = peer.options().read_timeout;
    let response = timeout(patience, exchange.send(request)).await.map_err(|_| ExchangeError::Timeout)??;
    if response.status() != StatusCode::OK {
        let refusal = timeout(patience, exchange.refusal(response)).await;
        return Err(refusal.unwrap_or(ExchangeError::Timeout));
    }
    check_version(response.headers())?;
    let decoder = Decoder::new(kind, peer.shared.identity.member, peer.id, peer.options().max_message_bytes);
    Ok(Stream::new(exchange, response.into_body(), decoder, kind, patience))
}

fn check_version(headers: &HeaderMap) -> Result<(), ExchangeError> {
    if has_streams(headers) { Ok(()) } else { Err(ExchangeError::IncompatibleVersion) }
}

struct Stream {
    exchange: Exchange<Empty<Bytes>>,
    body: Incoming,
    decoder: Decoder,
    kind: StreamKind,
    /// Ticks each half of the time that the peer may be silent.
    silence: Interval,
    /// Ticks since the peer was last heard.
    silent: u8,
    received: u64,
}

impl Stream {
    fn new(
        exchange: Exchange<Empty<Bytes>>,
        body: Incoming,
        decoder: Decoder,
        kind: StreamKind,
        read_timeout: Duration,
    ) -> Self {
        let mut silence = interval(read_timeout / 2);
        silence.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { exchange, body, decoder, kind, silence, silent: 0, received: 0 }
    }

    /// Hands messages to the node until the stream ends.
    async fn pump(&mut self, peer: &Peer) -> ReadError {
        loop {
            let mut messages = Vec::new();
            let outcome = std::future::poll_fn(|cx| self.poll_batch(cx, &mut messages)).await;
            let received = std::mem::take(&mut self.received);
            peer.metrics.received_bytes.inc_by(received);
            if !messages.is_empty() {
                if self.kind == StreamKind::MsgApp {
                    peer.shared.received_appends.note(messages.len() as u64, received, Instant::now());
                }
                if let Err(error) = peer.node().receive(messages).await {
                    peer.metrics.received_failures.inc();
                    return ReadError::Receive(error);
                }
                self.silent = 0;
            }
            if let Err(error) = outcome {
                return error;
            }
        }
    }

    /// Ready when there are messages and nothing more is at hand, or when the stream is over.
    fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        messages: &mut Vec<Message>,
    ) -> Poll<Result<(), ReadError>> {
        loop {
            match self.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    self.silent = 0;
                    self.received += chunk.len() as u64;
                    if let Err(error) = self.decoder.feed(&chunk, messages) {
                        return Poll::Ready(Err(ReadError::Decode(error)));
                    }
                    if messages.len() >= BATCH {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(ReadError::Broken(in_words(&error))));
                }
                Poll::Ready(None) => return Poll::Ready(Err(ReadError::Closed)),
                Poll::Pending if !messages.is_empty() => return Poll::Ready(Ok(())),
                Poll::Pending => return self.poll_silence(cx),
            }
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, hyper::Error>>> {
        let mut moved = false;
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending if moved => return Poll::Pending,
                Poll::Pending => {
                    self.exchange.poll(cx);
                    moved = true;
                }
            }
        }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        while self.silence.poll_tick(cx).is_ready() {
            self.silent += 1;
            if self.silent > 2 {
                return Poll::Ready(Err(ReadError::Silent));
            }
        }
        Poll::Pending
    }
}
