//! What is to be looked at, by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::LeaseId;

/// Leases by time. Entries that are no longer valid stay until their time comes; their lease knows better.
#[derive(Debug, Default)]
pub(crate) struct Queue(BinaryHeap<Reverse<(Duration, LeaseId)>>);

impl Queue {
    pub(crate) fn push(&mut self, time: Duration, id: LeaseId) {
        self.0.push(Reverse((time, id)));
    }

    /// When to look next.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.0.peek().map(|Reverse((time, _))| *time)
    }

    /// Takes the first entry whose time has come.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<(Duration, LeaseId)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
