//! How often a client may ping.

use std::time::{Duration, Instant};

/// Pings that may come too early before a client has to go.
const STRIKES: u32 = 2;
/// The least time between two pings of a client that has no calls.
const WITHOUT_CALLS: Duration = Duration::from_secs(2 * 60 * 60);

/// The rule for one connection.
///
/// # Source
/// grpc-go `internal/transport/http2_server.go` handlePing, with the policy of etcd `server/embed/etcd.go`.
#[derive(Debug)]
pub(super) struct Rule {
    min_time: Duration,
    last: Option<Instant>,
    strikes: u32,
}

impl Rule {
    pub(super) const fn new(min_time: Duration) -> Self {
        Self { min_time, last: None, strikes: 0 }
    }

    /// Counts a ping, and answers whether it is one too many. One that comes after a part of an answer was sent is
    /// free, and forgives the earlier ones: clients measure the connection with such pings.
    pub(super) fn is_too_much(&mut self, now: Instant, has_calls: bool, has_answered: bool) -> bool {
        let last = self.last.replace(now);
        if has_answered {
            self.strikes = 0;
            return false;
        }
        let least = if has_calls { self.min_time } else { WITHOUT_CALLS };
        if last.is_some_and(|last| now.saturating_duration_since(last) < least) {
            self.strikes += 1;
        }
        self.strikes > STRIKES
    }
}
