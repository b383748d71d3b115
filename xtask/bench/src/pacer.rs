//! Who sends the next request, and when: shared by all clients of a phase.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Hands out requests until a number of them is reached or a time is over.
#[derive(Debug)]
pub(crate) struct Pacer {
    begun: Instant,
    taken: AtomicU64,
    total: u64,
    end: Option<Instant>,
    interval: Option<Duration>,
}

/// Permission to send one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Counts from 0, each number once.
    pub(crate) number: u64,
    /// Not before this time; at once when there is none.
    pub(crate) due: Option<Instant>,
}

impl Pacer {
    /// `total` requests at most, for `duration` at most, `rate` a second at most.
    pub(crate) fn new(total: Option<u64>, duration: Option<Duration>, rate: Option<u64>) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            taken: AtomicU64::new(0),
            total: total.unwrap_or(u64::MAX),
            end: duration.map(|duration| begun + duration),
            interval: rate.map(|rate| Duration::from_secs(1) / u32::try_from(rate).unwrap_or(u32::MAX)),
        }
    }

    /// The next request; `None` when there are no more.
    pub(crate) fn next(&self) -> Option<Turn> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        if number >= self.total {
            return None;
        }
        match self.interval {
            None => self.end.is_none_or(|end| Instant::now() < end).then_some(Turn { number, due: None }),
            Some(interval) => {
                let nanoseconds = interval.as_nanos().saturating_mul(u128::from(number));
                let due = self.begun + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
                self.end.is_none_or(|end| due < end).then_some(Turn { number, due: Some(due) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_total_is_handed_out() {
        let pacer = Pacer::new(Some(3), None, None);
        let numbers: Vec<_> = (0..5).map(|_| pacer.next().map(|turn| turn.number)).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(2), None, None]);
    }

    #[test]
    fn a_rate_spreads_requests_evenly_up_to_the_end() {
        let pacer = Pacer::new(None, Some(Duration::from_secs(1)), Some(4));
        let due: Vec<_> =
            std::iter::from_fn(|| pacer.next()).map(|turn| turn.due.unwrap() - pacer.begun).collect();
        assert_eq!(due, [0, 250, 500, 750].map(Duration::from_millis));
    }

    #[test]
    fn no_time_means_no_requests() {
        assert_eq!(Pacer::new(None, Some(Duration::ZERO), None).next(), None);
    }
}
