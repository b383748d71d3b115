//! Counters, for whoever exports them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the histogram of syncs, in milliseconds: etcd's 1 ms, doubled thirteen times.
///
/// # Source
/// etcd `server/storage/wal/metrics.go`.
pub const FSYNC_BOUNDS_MS: [u64; 14] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/// Monotone counters of one member.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Leaders seen (`etcd_server_leader_changes_seen_total`).
    pub leader_changes: Counter,
    /// Proposals that were dropped (`etcd_server_proposals_failed_total`).
    pub proposals_failed: Counter,
    /// Read barriers that had to ask again (`etcd_server_slow_read_indexes_total`).
    pub slow_read_indexes: Counter,
    /// Readers that gave up (`etcd_server_read_indexes_failed_total`).
    pub read_indexes_failed: Counter,
    /// Heartbeats that left late (`etcd_server_heartbeat_send_failures_total`).
    pub heartbeat_send_failures: Counter,
    /// Messages of other members that were refused.
    pub messages_refused: Counter,
    /// Rounds that were made durable, and the writes that it took.
    pub rounds: Counter,
    /// Writes to the log.
    pub writes: Counter,
    /// Bytes written to the log (`etcd_disk_wal_write_bytes_total`).
    pub written_bytes: Counter,
    /// Durations of writes, without syncs (`etcd_disk_wal_write_duration_seconds`).
    pub write: Histogram,
    /// Durations of syncs (`etcd_disk_wal_fsync_duration_seconds`).
    pub fsync: Histogram,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

/// A histogram with the bounds of [`FSYNC_BOUNDS_MS`].
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; FSYNC_BOUNDS_MS.len() + 1],
    nanos: AtomicU64,
}

impl Histogram {
    /// Counts per bucket, not cumulated; the last one has no upper bound.
    pub fn counts(&self) -> Vec<u64> {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect()
    }

    /// The sum of all durations.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    pub(crate) fn observe(&self, took: Duration) {
        let fits = |bound: &u64| took <= Duration::from_millis(*bound);
        let at = FSYNC_BOUNDS_MS.iter().position(fits).unwrap_or(FSYNC_BOUNDS_MS.len());
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
