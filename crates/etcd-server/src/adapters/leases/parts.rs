//! What a replica needs for leases.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use etcd_apply::Leases;
use etcd_transport::LeaseClient;
use tokio::sync::Notify;

/// How this member treats leases.
#[derive(Debug, Clone)]
pub(crate) struct LeaseOptions {
    /// Seconds; a grant of less is raised to it before it is proposed.
    pub(crate) min_ttl: i64,
    /// How much longer leases live when a new leader begins to count.
    pub(crate) extend: Duration,
    /// Whether a renewal need not wait for the state machine if the lease is known.
    pub(crate) fast_keep_alive: bool,
}

/// What a replica needs for leases.
pub(crate) struct LeaseParts {
    pub(super) book: Leases,
    pub(super) changed: Arc<Notify>,
    pub(super) client: LeaseClient,
    pub(super) options: LeaseOptions,
    /// The moment that the book's times count from.
    origin: Instant,
    /// The term that this member counts in; 0 while it does not.
    pub(super) counts_in: AtomicU64,
    expired: AtomicU64,
}

impl LeaseParts {
    pub(crate) fn new(
        book: Leases,
        changed: Arc<Notify>,
        client: LeaseClient,
        options: LeaseOptions,
    ) -> Self {
        Self {
            book,
            changed,
            client,
            options,
            origin: Instant::now(),
            counts_in: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        }
    }

    pub(crate) fn book(&self) -> &Leases {
        &self.book
    }

    /// Told when a lease comes or goes.
    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Begins to count, as the leader of this term.
    pub(crate) fn promote(&self, term: u64) {
        self.book.lock().promote(self.now(), self.options.extend);
        self.counts_in.store(term, Ordering::Release);
    }

    /// Stops counting.
    pub(crate) fn demote(&self) {
        self.counts_in.store(0, Ordering::Release);
        self.book.lock().demote();
        // Whoever waits for the end of a lease has to ask the new leader.
        self.changed.notify_waiters();
    }

    pub(crate) fn count_expired(&self) {
        self.expired.fetch_add(1, Ordering::Relaxed);
    }

    /// Leases that this member has revoked because their time was over.
    pub(crate) fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }
}
