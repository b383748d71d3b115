//! The body of a stream's answer: everything that waits for the peer, as it comes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use etcd_proto::raftpb::Message;
use http_body::{Body, Frame};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Peer;
use crate::codec::{Encoder, StreamKind};

/// So much is encoded before the connection gets it, in bytes.
const BATCH: usize = 256 << 10;

/// Polled by the connection: takes all that waits in one go, so that one wake-up is one write.
pub(crate) struct StreamBody {
    peer: Arc<Peer>,
    kind: StreamKind,
    generation: u64,
    encoder: Encoder,
    batch: VecDeque<Message>,
    /// Since when the first of the batch waits.
    since: Instant,
    heartbeat: Interval,
}

impl StreamBody {
    /// Attaches to the peer's queue, superseding the connection before; `None` when the peer is being removed.
    pub(crate) fn attach(peer: Arc<Peer>, kind: StreamKind) -> Option<Self> {
        let generation = peer.attach(kind)?;
        let mut heartbeat = interval(peer.options().read_timeout / 3);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (encoder, batch) = (Encoder::new(kind), VecDeque::new());
        Some(Self { peer, kind, generation, encoder, batch, since: Instant::now(), heartbeat })
    }

    /// Encodes from the batch until it is empty or enough for one write.
    fn encode(&mut self) {
        let (before, waiting) = (self.encoder.pending(), self.batch.len());
        while self.encoder.pending() < BATCH {
            let Some(message) = self.batch.pop_front() else { break };
            self.encoder.encode(&message);
        }
        if self.kind == StreamKind::MsgApp && waiting > 0 {
            let now = Instant::now();
            let messages = (waiting - self.batch.len()) as u64;
            self.peer.sending.succeed(messages, now.saturating_duration_since(self.since));
            let bytes = (self.encoder.pending() - before) as u64;
            self.peer.shared.sent_appends.note(messages, bytes, now);
        }
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        loop {
            if let Some(chunk) = this.encoder.next_chunk() {
                this.peer.metrics().sent_bytes.inc_by(chunk.len() as u64);
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if this.batch.is_empty() {
                match this.peer.outbox(this.kind).poll_take(this.generation, &mut this.batch, cx) {
                    Poll::Ready(Some(since)) => this.since = since,
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => {
                        ready!(this.heartbeat.poll_tick(cx));
                        this.encoder.heartbeat();
                    }
                }
            }
            this.encode();
        }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.peer.detach(self.kind, self.generation, self.batch.len());
    }
}
