//! Histograms of durations that no lock guards.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Copies of a counter, so that threads do not fight for cache lines.
pub(super) const SHARDS: usize = 8;

/// Counters in a pair of cache lines.
const LINE: usize = 16;

/// Upper ends in microseconds: 1 ms, doubled thirteen times; for most durations of etcd.
pub const FROM_1_MS: [u64; 14] = doubled(1000);

/// The same from 0.1 ms, doubled nineteen times; for what is done in memory.
pub const FROM_100_US: [u64; 20] = doubled(100);

const fn doubled<const COUNT: usize>(first: u64) -> [u64; COUNT] {
    let mut bounds = [first; COUNT];
    let mut at = 1;
    while at < COUNT {
        bounds[at] = 2 * bounds[at - 1];
        at += 1;
    }
    bounds
}

/// How long one kind of work takes. Observing is two uncontended atomic additions.
#[derive(Debug)]
pub struct Times {
    /// Upper ends of the buckets, in microseconds; ascending.
    bounds: &'static [u64],
    /// Of each shard the buckets, of which the last one has no end, and the sum in nanoseconds; then unused ones, to
    /// the end of a cache line.
    cells: Box<[AtomicU64]>,
}

impl Times {
    /// A histogram with these upper ends, in microseconds; ascending.
    pub fn new(bounds: &'static [u64]) -> Self {
        let cells = (0..SHARDS * stride(bounds)).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, cells }
    }

    /// Counts a duration.
    pub fn observe(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.bounds.iter().position(|bound| nanos <= bound * 1000).unwrap_or(self.bounds.len());
        let shard = (shard() % SHARDS) * stride(self.bounds);
        self.cells[shard + bucket].fetch_add(1, Ordering::Relaxed);
        self.cells[shard + self.bounds.len() + 1].fetch_add(nanos, Ordering::Relaxed);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        (0..=self.bounds.len()).map(|cell| self.sum(cell)).sum()
    }

    /// Writes it as a family of its own, without labels.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn encode(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> fmt::Result {
        self.write(encoder.encode_descriptor(name, help, None, MetricType::Histogram)?)
    }

    /// Writes it as one of the family `name`, with these labels each.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn encode_family<'a, L: EncodeLabelSet>(
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        family: impl IntoIterator<Item = (L, &'a Self)>,
    ) -> fmt::Result {
        let mut encoder = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, times) in family {
            times.write(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn write(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let ends = self.bounds.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = ends.enumerate().map(|(cell, end)| (end, self.sum(cell))).collect();
        let seconds = Duration::from_nanos(self.sum(self.bounds.len() + 1)).as_secs_f64();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    }

    fn sum(&self, cell: usize) -> u64 {
        let shards = self.cells.chunks(stride(self.bounds));
        shards.map(|shard| shard[cell].load(Ordering::Relaxed)).sum()
    }
}

const fn stride(bounds: &[u64]) -> usize {
    (bounds.len() + 2).next_multiple_of(LINE)
}

/// Which copy belongs to this thread; more than there are, so take the rest of a division.
pub(super) fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    MINE.get().unwrap_or_else(|| {
        let index = NEXT.fetch_add(1, Ordering::Relaxed);
        MINE.set(Some(index));
        index
    })
}

#[cfg(test)]
mod tests {
    use prometheus_client::collector::Collector;
    use prometheus_client::registry::Registry;

    use super::*;

    #[derive(Debug)]
    struct One(Times);

    impl Collector for One {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
            self.0.encode(&mut encoder, "t_seconds", "help")
        }
    }

    #[test]
    fn durations_fall_into_their_buckets_whichever_thread_counts() {
        let times = Times::new(&FROM_1_MS);
        for ms in [0, 1, 3] {
            std::thread::scope(|scope| drop(scope.spawn(|| times.observe(Duration::from_millis(ms))).join()));
        }
        times.observe(Duration::from_millis(8192));
        times.observe(Duration::from_secs(100));
        assert_eq!(times.count(), 5);
        let mut registry = Registry::default();
        registry.register_collector(Box::new(One(times)));
        let page = super::super::encode(&registry).unwrap_or_default();
        for line in [
            "t_seconds_bucket{le=\"0.001\"} 2",
            "t_seconds_bucket{le=\"0.004\"} 3",
            "t_seconds_bucket{le=\"8.192\"} 4",
            "t_seconds_bucket{le=\"+Inf\"} 5",
            "t_seconds_count 5",
            "t_seconds_sum 108.196",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in:\n{page}");
        }
    }

    #[test]
    fn bounds_are_those_of_etcd() {
        assert_eq!(FROM_1_MS.last(), Some(&8_192_000));
        assert_eq!(FROM_100_US.last(), Some(&52_428_800));
    }
}
