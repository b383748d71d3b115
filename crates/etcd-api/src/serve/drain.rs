//! Tells connections to finish, at no cost while they need not.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

/// Set once, watched by every connection.
#[derive(Default)]
pub(super) struct Drain {
    started: AtomicBool,
    notify: Notify,
}

impl Drain {
    pub(super) fn start(&self) {
        self.started.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    /// Runs `work` to its end, or until draining starts (then `None`).
    ///
    /// The notification is registered once and not polled again: that would take a lock shared by all connections
    /// each time one of them wakes up. It must therefore stay on the task that first polled it.
    pub(super) async fn until_started<T>(&self, mut work: impl Future<Output = T> + Unpin) -> Option<T> {
        let mut notified = pin!(self.notify.notified());
        let mut registered = false;
        poll_fn(|context| {
            if !registered {
                registered = true;
                // Registered first and asked second, so that a start in between is not missed.
                let _pending = notified.as_mut().poll(context);
            }
            if self.started.load(Ordering::Acquire) {
                return Poll::Ready(None);
            }
            std::pin::Pin::new(&mut work).poll(context).map(Some)
        })
        .await
    }
}
