//! How log replication fares, for operators: what etcd shows under `/v2/stats`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The newest batches that rates are made from.
const REMEMBERED: usize = 200;

/// Older ones say nothing about the present.
const FRESH: Duration = Duration::from_secs(1);

/// How sending entries to one peer has gone since it was added. Times are milliseconds, from queueing a message until
/// its bytes were handed to the connection; for a request of its own, until its answer.
///
/// # Source
/// etcd `etcdserver/api/v2stats/leader.go` (3.4), `FollowerStats`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Sending {
    /// Messages that went out.
    pub success: u64,
    /// Messages that did not.
    pub fail: u64,
    /// The newest message's time.
    pub current: f64,
    /// The mean.
    pub average: f64,
    /// The standard deviation.
    pub deviation: f64,
    /// The shortest; before the first message 2^63, as in etcd.
    pub minimum: f64,
    /// The longest.
    pub maximum: f64,
}

/// Messages with entries in one direction, to or from all peers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Appends {
    /// How many there were since the start.
    pub count: u64,
    /// Messages a second of late; 0 after a second without any.
    pub messages_per_second: f64,
    /// Bytes a second of late; 0 after a second without any.
    pub bytes_per_second: f64,
}

/// Counts what goes to one peer.
#[derive(Debug, Default)]
pub(crate) struct SendingLog(Mutex<Totals>);

#[derive(Debug, Default, Clone, Copy)]
struct Totals {
    success: u64,
    fail: u64,
    current: f64,
    sum: f64,
    sum_of_squares: f64,
    minimum: Option<f64>,
    maximum: f64,
}

impl SendingLog {
    /// `messages` went out, each within `took`.
    pub(crate) fn succeed(&self, messages: u64, took: Duration) {
        if messages == 0 {
            return;
        }
        let (millis, weight) = (took.as_secs_f64() * 1e3, as_f64(messages));
        let mut totals = self.0.lock();
        totals.success += messages;
        totals.current = millis;
        totals.sum += weight * millis;
        totals.sum_of_squares += weight * millis * millis;
        totals.minimum = Some(totals.minimum.map_or(millis, |least| least.min(millis)));
        totals.maximum = totals.maximum.max(millis);
    }

    /// One message did not go out.
    pub(crate) fn fail(&self) {
        self.0.lock().fail += 1;
    }

    pub(crate) fn read(&self) -> Sending {
        let totals = *self.0.lock();
        let count = as_f64(totals.success.max(1));
        let average = totals.sum / count;
        // Rounding may take it below zero.
        let variance = (totals.sum_of_squares / count - average * average).max(0.0);
        Sending {
            success: totals.success,
            fail: totals.fail,
            current: totals.current,
            average,
            deviation: variance.sqrt(),
            minimum: totals.minimum.unwrap_or(9_223_372_036_854_775_808.0),
            maximum: totals.maximum,
        }
    }
}

/// Counts what goes in one direction.
#[derive(Debug, Default)]
pub(crate) struct AppendsLog(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    count: u64,
    batches: VecDeque<Batch>,
}

#[derive(Debug, Clone, Copy)]
struct Batch {
    at: Instant,
    messages: u64,
    bytes: u64,
}

impl AppendsLog {
    pub(crate) fn note(&self, messages: u64, bytes: u64, at: Instant) {
        if messages == 0 {
            return;
        }
        let mut recent = self.0.lock();
        recent.count += messages;
        if recent.batches.len() == REMEMBERED {
            recent.batches.pop_front();
        }
        recent.batches.push_back(Batch { at, messages, bytes });
    }

    /// # Source
    /// etcd `etcdserver/api/v2stats/queue.go` (3.4), `Rate`.
    pub(crate) fn read(&self, now: Instant) -> Appends {
        let recent = self.0.lock();
        let mut appends = Appends { count: recent.count, ..Appends::default() };
        let (Some(first), Some(last)) = (recent.batches.front(), recent.batches.back()) else {
            return appends;
        };
        let span = last.at.saturating_duration_since(first.at).as_secs_f64();
        if now.saturating_duration_since(last.at) > FRESH || span <= 0.0 {
            return appends;
        }
        let sum = |of: fn(&Batch) -> u64| as_f64(recent.batches.iter().map(of).sum());
        appends.messages_per_second = sum(|batch| batch.messages) / span;
        appends.bytes_per_second = sum(|batch| batch.bytes) / span;
        appends
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of messages and bytes, for people to read")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
