//! Messages that wait for a stream, and the stream that takes them.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use etcd_proto::raftpb::Message;
use parking_lot::Mutex;

/// Room for so many messages is kept; what a burst needed beyond is given back.
const KEEP: usize = 512;

/// The queue of one stream to one peer. It is open while a connection is attached to it; one at a time.
#[derive(Debug)]
pub(crate) struct Outbox {
    max_messages: usize,
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Message>,
    bytes: usize,
    /// When the first of them was queued.
    since: Option<Instant>,
    /// Names the connection that may take from the queue.
    generation: u64,
    attached: bool,
    closed: bool,
    waker: Option<Waker>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It has been taken.
    Queued,
    /// No connection is attached: another way may be open.
    Inactive,
    /// The connection does not keep up.
    Full,
}

impl Outbox {
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self { max_messages, max_bytes, state: Mutex::default() }
    }

    /// Appends without waking the stream: [`Outbox::wake`] does that once for many.
    /// Takes `message` out of its place only if it is queued.
    pub(crate) fn push(&self, message: &mut Option<Message>) -> Pushed {
        let size = message.as_ref().map_or(0, payload);
        let mut state = self.state.lock();
        if !state.attached {
            return Pushed::Inactive;
        }
        let too_large = state.bytes.saturating_add(size) > self.max_bytes && !state.queue.is_empty();
        if state.queue.len() >= self.max_messages || too_large {
            return Pushed::Full;
        }
        if state.queue.is_empty() {
            state.since = Some(Instant::now());
        }
        state.bytes += size;
        state.queue.extend(message.take());
        Pushed::Queued
    }

    /// Lets the stream take what is there.
    pub(crate) fn wake(&self) {
        let waker = {
            let mut state = self.state.lock();
            if state.queue.is_empty() { None } else { state.waker.take() }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Opens the queue for a new connection, which supersedes the one before. Returns its name and how many
    /// messages of the old one were lost; `None` once closed.
    pub(crate) fn attach(&self) -> Option<(u64, usize)> {
        let (lost, waker, generation) = {
            let mut state = self.state.lock();
            if state.closed {
                return None;
            }
            let lost = state.clear();
            state.attached = true;
            state.generation += 1;
            (lost, state.waker.take(), state.generation)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Some((generation, lost))
    }

    /// Ends this connection, unless another has superseded it. Returns how many messages were lost.
    pub(crate) fn detach(&self, generation: u64) -> Option<usize> {
        let mut state = self.state.lock();
        if state.generation != generation || !state.attached {
            return None;
        }
        state.attached = false;
        state.waker = None;
        Some(state.clear())
    }

    /// Moves everything that waits into `batch`, which is empty, and tells since when the first of it waits. `None`
    /// tells this connection to end.
    pub(crate) fn poll_take(
        &self,
        generation: u64,
        batch: &mut VecDeque<Message>,
        cx: &Context<'_>,
    ) -> Poll<Option<Instant>> {
        let mut state = self.state.lock();
        if state.generation != generation || !state.attached {
            return Poll::Ready(None);
        }
        if state.queue.is_empty() {
            match &mut state.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        state.bytes = 0;
        if batch.capacity() > KEEP {
            *batch = VecDeque::new();
        }
        std::mem::swap(&mut state.queue, batch);
        Poll::Ready(Some(state.since.take().unwrap_or_else(Instant::now)))
    }

    /// Ends the connection and takes no other.
    pub(crate) fn close(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.closed = true;
            state.attached = false;
            state.clear();
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    fn clear(&mut self) -> usize {
        let lost = self.queue.len();
        self.queue.clear();
        self.bytes = 0;
        lost
    }
}

/// What a message keeps in memory, roughly.
fn payload(message: &Message) -> usize {
    message.entries.iter().map(|entry| entry.data.len()).sum::<usize>() + message.context.len()
}

#[cfg(test)]
mod tests;
