//! The consumer's end.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use etcd_mvcc::Store;

use crate::hub::Inner;
use crate::outbox::{End, Outbox};
use crate::response::Response;
use crate::watch::{Watch, WatchError};

/// One consumer with any number of watchers. Dropping it removes them.
pub struct Stream {
    hub: Arc<Inner>,
    outbox: Arc<Outbox>,
    /// The number by which the hub knows it.
    number: usize,
}

impl Stream {
    pub(crate) fn new(hub: Arc<Inner>) -> Self {
        let pending = hub.count_stream();
        let (outbox, number) = hub.locked(|core| {
            // Under the lock: a hub that is being closed finds every stream that it must end.
            let outbox = Arc::new(Outbox::new(hub.bounds(), pending, hub.end()));
            let number = core.add_stream(Arc::clone(&outbox));
            (outbox, number)
        });
        Self { hub, outbox, number }
    }

    /// Adds a watcher, and returns its id. The answer is queued before anything else for it.
    ///
    /// # Errors
    /// Nothing was added; nothing is queued either, see [`Stream::refuse`].
    pub fn watch(&self, watch: Watch) -> Result<i64, WatchError> {
        if !self.hub.reserve() {
            return Err(WatchError::TooMany);
        }
        let outcome = self.hub.locked(|core| {
            let current = self.hub.store.revision();
            core.watch(self.number, &watch, current)
        });
        if outcome.is_err() {
            self.hub.forget(1);
        }
        outcome
    }

    /// Queues the answer that a watcher is refused.
    pub fn refuse(&self, reason: Cow<'static, str>) {
        let revision = self.revision();
        self.hub.locked(|core| core.answer(self.number, Response::Refused { reason, revision }));
    }

    /// Removes a watcher, and queues that it is gone; false if there is none with this id. A watcher that a compaction
    /// has ended is there, as a number that is taken, until it is removed.
    pub fn cancel(&self, id: i64) -> bool {
        let revision = self.revision();
        let was_there = self.hub.locked(|core| core.cancel(self.number, id, revision));
        self.hub.forget(usize::from(was_there));
        was_there
    }

    /// Queues how far a watcher is, if it is not catching up.
    pub fn request_progress(&self, id: i64) {
        self.hub.locked(|core| core.progress(self.number, id));
    }

    /// Queues how far all watchers are, as soon as none is catching up; nothing if there are none.
    pub fn request_progress_all(&self) {
        self.hub.locked(|core| core.progress_all(self.number));
    }

    /// Brings the stream to its end, after what waits in it.
    pub fn end(&self) {
        if let Some(waker) = self.outbox.end(End::Closed) {
            waker.wake();
        }
    }

    /// Everything that waits, moved into `batch`, which must be empty; otherwise wakes the task when there is something. One task
    /// polls at a time.
    ///
    /// # Errors
    /// The stream is at its end.
    pub fn poll_batch(
        &self,
        context: &mut Context<'_>,
        batch: &mut VecDeque<Response>,
    ) -> Poll<Result<(), End>> {
        debug_assert!(batch.is_empty(), "it would be queued again");
        let is_starved = ready!(self.outbox.poll(context, batch))?;
        if is_starved {
            self.hub.locked(|core| core.resume(self.number));
        }
        Poll::Ready(Ok(()))
    }

    /// The next responses, at least one. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The stream is at its end.
    pub fn batch(&self) -> impl Future<Output = Result<VecDeque<Response>, End>> + Send + use<'_> {
        poll_fn(|context| {
            let mut batch = VecDeque::new();
            self.poll_batch(context, &mut batch).map_ok(|()| batch)
        })
    }

    /// The store that is watched; previous pairs are read from it.
    pub fn store(&self) -> &Store {
        &self.hub.store
    }

    /// The store's revision.
    pub fn revision(&self) -> i64 {
        self.hub.store.revision()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let watchers = self.hub.locked(|core| core.remove_stream(self.number));
        self.hub.forget_stream(watchers);
    }
}
