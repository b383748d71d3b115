//! How long commits and the like take, for whoever exports it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, in milliseconds: 1 ms, doubled thirteen times.
///
/// # Source
/// etcd `server/storage/backend/metrics.go`.
pub const COMMIT_BOUNDS_MS: [u64; 14] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/// Upper bounds of the buckets of defragmentations, in milliseconds: 100 ms, doubled twelve times.
///
/// # Source
/// etcd `server/storage/backend/metrics.go`.
pub const DEFRAGMENT_BOUNDS_MS: [u64; 13] =
    [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 102_400, 204_800, 409_600];

/// Upper bounds of the buckets of sent snapshots, in milliseconds: 10 ms, doubled sixteen times.
///
/// # Source
/// etcd `server/storage/backend/metrics.go`.
pub const SNAPSHOT_BOUNDS_MS: [u64; 17] = [
    10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240, 20_480, 40_960, 81_920, 163_840, 327_680,
    655_360,
];

/// Durations of one kind of work since the database was opened.
#[derive(Debug)]
pub(crate) struct Times {
    bounds_ms: &'static [u64],
    buckets: Box<[AtomicU64]>,
    nanos: AtomicU64,
}

impl Times {
    pub(crate) fn new(bounds_ms: &'static [u64]) -> Self {
        let buckets = (0..=bounds_ms.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds_ms, buckets, nanos: AtomicU64::new(0) }
    }

    pub(crate) fn observe(&self, took: Duration) {
        let fits = |bound: &u64| took <= Duration::from_millis(*bound);
        let at = self.bounds_ms.iter().position(fits).unwrap_or(self.bounds_ms.len());
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many per bucket, not cumulated, the last one without an upper bound; and the sum of their durations.
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
        let times = Times::new(&COMMIT_BOUNDS_MS);
        for ms in [0, 1, 3, 8192, 8193] {
            times.observe(Duration::from_millis(ms));
        }
        let (counts, sum) = times.read();
        assert_eq!((counts[0], counts[2], counts[13], counts[14]), (2, 1, 1, 1));
        assert_eq!(sum, Duration::from_millis(1 + 3 + 8192 + 8193));
    }
}
