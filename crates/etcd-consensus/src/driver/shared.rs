//! What the threads and the handle share: counters, the wake-up, and how it ends.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::error;

use super::metrics::Metrics;
use crate::{Awaits, Leadership};

/// Shared by the threads of one member.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The newest durable round. Stored by `wal` before it sends the round's messages.
    pub(crate) persisted: AtomicU64,
    /// The newest applied index. Stored by `apply`.
    pub(crate) applied: AtomicU64,
    /// What `raft` sleeps for; see [`Shared::sleeps_for`].
    awaits_persisted: AtomicBool,
    awaits_applied: AtomicBool,
    /// Published by `raft`.
    pub(crate) commit: AtomicU64,
    pub(crate) last_index: AtomicU64,
    pub(crate) tick: AtomicU32,
    /// When the last tick passed, in milliseconds since `started`.
    ticked_ms: AtomicU64,
    started: Instant,
    pub(crate) leadership: watch::Sender<Leadership>,
    pub(crate) metrics: Metrics,
    stopping: AtomicBool,
    stopped: watch::Sender<Option<Arc<str>>>,
    raft: OnceLock<Thread>,
}

impl Shared {
    pub(crate) fn new(leadership: Leadership, applied: u64) -> Self {
        Self {
            persisted: AtomicU64::new(0),
            applied: AtomicU64::new(applied),
            awaits_persisted: AtomicBool::new(true),
            awaits_applied: AtomicBool::new(true),
            commit: AtomicU64::new(applied),
            last_index: AtomicU64::new(applied),
            tick: AtomicU32::new(0),
            ticked_ms: AtomicU64::new(0),
            started: Instant::now(),
            leadership: watch::Sender::new(leadership),
            metrics: Metrics::default(),
            stopping: AtomicBool::new(false),
            stopped: watch::Sender::new(None),
            raft: OnceLock::new(),
        }
    }

    /// Tells whom to wake. Called by the `raft` thread before it looks at its queues for the first time.
    pub(crate) fn set_raft_thread(&self, thread: Thread) {
        let _ = self.raft.set(thread);
    }

    /// Wakes the `raft` thread when it sleeps; otherwise its next sleep ends at once.
    pub(crate) fn wake(&self) {
        if let Some(thread) = self.raft.get() {
            thread.unpark();
        }
    }

    /// Says which reports must wake the `raft` thread from the sleep that it is about to begin. Whoever calls looks at
    /// the reports once more afterwards: one side sees the other.
    pub(crate) fn sleeps_for(&self, awaits: Awaits) {
        self.awaits_persisted.store(awaits.persisted, Ordering::SeqCst);
        self.awaits_applied.store(awaits.applied, Ordering::SeqCst);
    }

    /// Rounds up to this one are durable.
    pub(crate) fn report_persisted(&self, round: u64) {
        self.persisted.store(round, Ordering::SeqCst);
        if self.awaits_persisted.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Entries up to this one are applied.
    pub(crate) fn report_applied(&self, index: u64) {
        self.applied.store(index, Ordering::SeqCst);
        if self.awaits_applied.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Notes that a tick has passed.
    pub(crate) fn ticked(&self) {
        self.tick.fetch_add(1, Ordering::Relaxed);
        self.ticked_ms.store(millis(self.started.elapsed()), Ordering::Relaxed);
    }

    /// How long ago the last tick passed.
    pub(crate) fn since_tick(&self) -> Duration {
        let ago = millis(self.started.elapsed()).saturating_sub(self.ticked_ms.load(Ordering::Relaxed));
        Duration::from_millis(ago)
    }

    /// Asks the threads to end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake();
    }

    /// Ends the member because it cannot go on. The first reason counts; none does after [`Shared::stop`].
    pub(crate) fn fail(&self, reason: &str) {
        if !self.stopping.swap(true, Ordering::AcqRel) {
            error!(reason, "consensus stops");
            self.stopped.send_replace(Some(reason.into()));
        }
        self.wake();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn stopped(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.stopped.subscribe()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
