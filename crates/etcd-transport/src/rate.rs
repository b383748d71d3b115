//! Log lines that would repeat with every attempt.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

const PAUSE: Duration = Duration::from_secs(10);

/// Says yes the first time, and then every ten seconds at most.
#[derive(Debug, Default)]
pub(crate) struct Occasionally {
    last: Mutex<Option<Instant>>,
}

impl Occasionally {
    pub(crate) fn now(&self) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock();
        let due = last.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE);
        if due {
            *last = Some(now);
        }
        due
    }
}
