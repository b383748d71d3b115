//! How long commits take, for whoever exports it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in milliseconds: 1 ms, doubled thirteen times.
///
/// # Source
/// etcd `server/storage/backend/metrics.go`.
pub const COMMIT_BOUNDS_MS: [u64; 14] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/// Durations of all commits since the database was opened.
#[derive(Debug, Default)]
pub(crate) struct CommitTimes {
    buckets: [AtomicU64; COMMIT_BOUNDS_MS.len() + 1],
    nanos: AtomicU64,
}

impl CommitTimes {
    pub(crate) fn observe(&self, took: Duration) {
        let fits = |bound: &u64| took <= Duration::from_millis(*bound);
        let at = COMMIT_BOUNDS_MS.iter().position(fits).unwrap_or(COMMIT_BOUNDS_MS.len());
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Commits per bucket, not cumulated, the last one without an upper bound; and the sum of their durations.
    pub(crate) fn read(&self) -> (Vec<u64>, Duration) {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        (counts, Duration::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_their_buckets() {
        let times = CommitTimes::default();
        for ms in [0, 1, 3, 8192, 8193] {
            times.observe(Duration::from_millis(ms));
        }
        let (counts, sum) = times.read();
        assert_eq!((counts[0], counts[2], counts[13], counts[14]), (2, 1, 1, 1));
        assert_eq!(sum, Duration::from_millis(1 + 3 + 8192 + 8193));
    }
}
