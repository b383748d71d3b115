//! The bounded queue between the hub and one consumer.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::Response;

/// What a response holds beside its events, in bytes.
const FIXED_COST: usize = 64;

/// Why a stream has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// The hub was closed.
    #[error("the watch hub is closed")]
    Closed,
    /// The consumer asks for more than it reads answers.
    #[error("more answers are waiting than a stream may hold")]
    Overflow,
}

/// How much a queue may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of events.
    pub(crate) bytes: usize,
    /// Answers to requests.
    pub(crate) answers: usize,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    bounds: Bounds,
    /// Events in all queues of the hub.
    pending: Arc<AtomicI64>,
}

#[derive(Debug, Default)]
struct Queue {
    responses: VecDeque<Response>,
    bytes: usize,
    events: usize,
    answers: usize,
    waker: Option<Waker>,
    /// Something found no room since the consumer was here last.
    is_starved: bool,
    end: Option<End>,
}

/// What became of something that was to be queued.
#[derive(Debug)]
pub(crate) enum Pushed {
    /// It is in; the consumer has to be woken if it sleeps.
    Taken(Option<Waker>),
    /// There is no room. The consumer will say so when there is.
    Full,
}

impl Outbox {
    pub(crate) fn new(bounds: Bounds, pending: Arc<AtomicI64>, end: Option<End>) -> Self {
        Self { queue: Mutex::new(Queue { end, ..Queue::default() }), bounds, pending }
    }

    /// Queues changes that cost `cost` bytes. A queue without changes takes them however large they are.
    pub(crate) fn push_events(&self, response: Response, events: usize, cost: usize) -> Pushed {
        let cost = cost + FIXED_COST;
        let mut queue = self.queue.lock();
        if queue.bytes > 0 && queue.bytes + cost > self.bounds.bytes {
            queue.is_starved = true;
            return Pushed::Full;
        }
        queue.bytes += cost;
        queue.events += events;
        self.pending.fetch_add(signed(events), Ordering::Relaxed);
        queue.responses.push_back(response);
        Pushed::Taken(queue.waker.take())
    }

    /// Queues an answer to a request. There is always room, until the stream ends because it has asked too much.
    pub(crate) fn push_answer(&self, response: Response) -> Option<Waker> {
        let mut queue = self.queue.lock();
        if queue.answers >= self.bounds.answers {
            queue.end.get_or_insert(End::Overflow);
        } else {
            queue.answers += 1;
            queue.responses.push_back(response);
        }
        queue.waker.take()
    }

    pub(crate) fn end(&self, end: End) -> Option<Waker> {
        let mut queue = self.queue.lock();
        queue.end.get_or_insert(end);
        queue.waker.take()
    }

    /// Swaps everything that is there with `batch`, which must be empty. Returns whether something found no room.
    pub(crate) fn poll(
        &self,
        context: &Context<'_>,
        batch: &mut VecDeque<Response>,
    ) -> Poll<Result<bool, End>> {
        let mut queue = self.queue.lock();
        if queue.responses.is_empty() {
            if let Some(end) = queue.end {
                return Poll::Ready(Err(end));
            }
            if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                queue.waker = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        mem::swap(&mut queue.responses, batch);
        queue.bytes = 0;
        queue.answers = 0;
        self.pending.fetch_sub(signed(mem::take(&mut queue.events)), Ordering::Relaxed);
        Poll::Ready(Ok(mem::take(&mut queue.is_starved)))
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.pending.fetch_sub(signed(self.queue.get_mut().events), Ordering::Relaxed);
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
