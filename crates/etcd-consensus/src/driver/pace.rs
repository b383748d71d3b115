//! How often read barriers ask, when very many readers come.

use std::time::{Duration, Instant};

/// Readers a second from which their questions are paced. Below, each question is asked at once: no reader waits longer
/// than it must.
const CROWD: f64 = 4_000.0;
/// Time between two questions of a crowd. A round costs every member messages and wake-ups; with this many readers a
/// millisecond gathers several for the price of one.
const INTERVAL: Duration = Duration::from_millis(1);

/// Decides, once a tick, whether there is a crowd; and then, when it may ask next.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Readers in one tick that make a crowd.
    crowd: u64,
    arrived: u64,
    is_crowded: bool,
    next: Instant,
}

impl Pace {
    pub(crate) fn new(tick: Duration, now: Instant) -> Self {
        // A number of readers; a fraction of one does not matter.
        let crowd = (tick.as_secs_f64() * CROWD).ceil() as u64;
        Self { crowd: crowd.max(1), arrived: 0, is_crowded: false, next: now }
    }

    pub(crate) fn arrived(&mut self, readers: usize) {
        self.arrived += readers as u64;
    }

    pub(crate) fn tick(&mut self) {
        self.is_crowded = std::mem::take(&mut self.arrived) >= self.crowd;
    }

    /// When the next question may be asked; none means at once.
    pub(crate) fn wait(&self) -> Option<Instant> {
        self.is_crowded.then_some(self.next).filter(|next| *next > Instant::now())
    }

    pub(crate) fn asked(&mut self) {
        if self.is_crowded {
            self.next = Instant::now() + INTERVAL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_crowd_waits_and_only_after_a_question() {
        let mut pace = Pace::new(Duration::from_secs(3600), Instant::now());
        pace.arrived(1_000_000);
        pace.tick();
        pace.asked();
        assert_eq!(pace.wait(), None, "a million readers an hour are no crowd");

        pace.arrived(20_000_000);
        assert_eq!(pace.wait(), None, "what is a crowd is decided at the tick");
        pace.tick();
        assert_eq!(pace.wait(), None, "the first question is asked at once");
        // A later moment than any the test can reach stands for a question that was just asked.
        pace.next = Instant::now() + Duration::from_secs(3600);
        assert_eq!(pace.wait(), Some(pace.next));
        pace.tick();
        assert_eq!(pace.wait(), None, "the crowd is gone");
    }
}
