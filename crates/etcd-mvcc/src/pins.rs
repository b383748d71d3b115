//! The revisions that are being read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Counts the readers of each revision, so that a compaction can wait for those below it.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    readers: Mutex<BTreeMap<i64, usize>>,
    released: Condvar,
}

/// Holds one revision until it is dropped.
#[derive(Debug)]
pub(crate) struct Pin<'a> {
    pins: &'a Pins,
    revision: i64,
}

impl Pins {
    pub(crate) fn pin(&self, revision: i64) -> Pin<'_> {
        *self.readers.lock().entry(revision).or_insert(0) += 1;
        Pin { pins: self, revision }
    }

    /// Ends the hold of one reader, whose pin was forgotten.
    pub(crate) fn release(&self, revision: i64) {
        let mut readers = self.readers.lock();
        if let Some(count) = readers.get_mut(&revision) {
            *count -= 1;
            if *count == 0 {
                readers.remove(&revision);
                self.released.notify_all();
            }
        }
    }

    /// Waits until nobody reads below `revision`, but no longer than `limit`.
    pub(crate) fn wait_below(&self, revision: i64, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut readers = self.readers.lock();
        while readers.first_key_value().is_some_and(|(oldest, _)| *oldest < revision) {
            if self.released.wait_until(&mut readers, deadline).timed_out() {
                return false;
            }
        }
        true
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        self.pins.release(self.revision);
    }
}
