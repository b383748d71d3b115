//! `--warning-apply-duration`: entries that take long to apply.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::warn;

/// Lines that one second may bring; the rest is only counted.
const LINES_PER_SECOND: u64 = 10;

/// Counts slow entries, and tells of them.
///
/// # Source
/// etcd `server/etcdserver/txn/util.go`, `WarnOfExpensiveRequest`.
#[derive(Debug)]
pub(crate) struct SlowApply {
    threshold: Duration,
    started: Instant,
    count: AtomicU64,
    /// The second that `lines` counts for.
    second: AtomicU64,
    lines: AtomicU64,
}

impl SlowApply {
    /// A threshold of zero takes every entry for slow, as it does in etcd.
    pub(crate) fn new(threshold: Duration) -> Self {
        let [count, second, lines] = [0; 3].map(AtomicU64::new);
        Self { threshold, started: Instant::now(), count, second, lines }
    }

    /// Notes how long the entry at `index` took, of which the request has `size` bytes.
    pub(crate) fn note(&self, index: u64, size: usize, took: Duration) {
        if took <= self.threshold {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let now = self.started.elapsed().as_secs();
        if self.second.swap(now, Ordering::Relaxed) != now {
            self.lines.store(0, Ordering::Relaxed);
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) < LINES_PER_SECOND {
            let (took_ms, expected_ms) = (took.as_millis(), self.threshold.as_millis());
            warn!(index, size, took_ms, expected_ms, "apply request took too long");
        }
    }

    /// How many entries were slow.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_takes_longer_is_counted() {
        let slow = SlowApply::new(Duration::from_millis(100));
        for ms in [0, 99, 100, 101, 5000] {
            slow.note(1, 10, Duration::from_millis(ms));
        }
        assert_eq!(slow.count(), 2);
    }
}
