//! The log of slow unary calls. Keys are shown, values never.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::warn;

use super::Shape;
use crate::serve::Remote;

/// Lines that one second may bring; the rest is only counted.
const LINES_PER_SECOND: u64 = 20;
/// Bytes of a key that a line shows.
const KEY_SHOWN: usize = 128;

/// Writes a line for each call that took longer than the threshold.
pub(crate) struct SlowLog {
    threshold: Duration,
    started: Instant,
    /// The second that `lines` counts for.
    second: AtomicU64,
    lines: AtomicU64,
    suppressed: AtomicU64,
}

/// A finished call.
pub(crate) struct Finished<'a> {
    pub(crate) path: &'static str,
    pub(crate) remote: Remote,
    pub(crate) request: &'a Shape,
    pub(crate) request_size: usize,
    /// How many keys the answer is about; -1 when there is none.
    pub(crate) response_count: i64,
    pub(crate) response_size: usize,
}

impl SlowLog {
    pub(crate) fn new(threshold: Duration) -> Self {
        Self {
            threshold,
            started: Instant::now(),
            second: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Logs the call when it was slow; a threshold of zero turns the log off.
    pub(crate) fn note(&self, took: Duration, call: &Finished<'_>) {
        if took <= self.threshold || self.threshold.is_zero() {
            return;
        }
        if !self.take_line() {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let shown = &call.request.key[..call.request.key.len().min(KEY_SHOWN)];
        warn!(
            took_ms = took.as_millis() as u64,
            remote = %call.remote,
            method = call.path,
            key = %shown.escape_ascii(),
            request_count = call.request.count,
            request_size = call.request_size,
            response_count = call.response_count,
            response_size = call.response_size,
            suppressed = self.suppressed.swap(0, Ordering::Relaxed),
            "request took too long"
        );
    }

    fn take_line(&self) -> bool {
        let now = self.started.elapsed().as_secs();
        if self.second.swap(now, Ordering::Relaxed) != now {
            self.lines.store(0, Ordering::Relaxed);
        }
        self.lines.fetch_add(1, Ordering::Relaxed) < LINES_PER_SECOND
    }
}

#[cfg(test)]
mod tests;
