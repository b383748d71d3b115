//! Whether a peer can be reached, for operators.

use std::time::{Duration, Instant, SystemTime};

use etcd_membership::MemberId;
use parking_lot::Mutex;
use tracing::{debug, info, warn};

use crate::metrics::PeerMetrics;

/// While a peer stays away, its failure is repeated in the log this often at most.
const REMIND: Duration = Duration::from_secs(30);

/// How a peer fares, as [`crate::Transport::peer_status`] tells it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PeerStatus {
    /// The peer.
    pub id: MemberId,
    /// Its URLs as the member knows them.
    pub urls: Vec<String>,
    /// Since when there is a working connection; `None` while there is none.
    pub active_since: Option<SystemTime>,
    /// The newest failure since the last success.
    pub last_error: Option<PeerFailure>,
}

/// Why a peer could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerFailure {
    /// The URL that was tried; empty when the peer's own connection to us failed.
    pub url: String,
    /// The reason in a few words, such as `connection refused`.
    pub reason: String,
    /// When.
    pub at: SystemTime,
}

#[derive(Debug)]
pub(crate) struct Status {
    id: MemberId,
    metrics: PeerMetrics,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    active_since: Option<SystemTime>,
    last_error: Option<PeerFailure>,
    /// When a failure was last logged above debug, and what it said.
    logged: Option<(Instant, String)>,
}

impl Status {
    pub(crate) fn new(id: MemberId, metrics: PeerMetrics) -> Self {
        Self { id, metrics, state: Mutex::default() }
    }

    pub(crate) fn activate(&self) {
        let mut state = self.state.lock();
        state.last_error = None;
        if state.active_since.is_some() {
            return;
        }
        state.active_since = Some(SystemTime::now());
        state.logged = None;
        drop(state);
        self.metrics.active.set(1);
        info!(peer_id = %self.id, "peer became active");
    }

    /// `action` says what failed, as in "dial" or "write".
    pub(crate) fn deactivate(&self, action: &'static str, url: &str, reason: &str) {
        let mut state = self.state.lock();
        let was_active = state.active_since.take().is_some();
        state.last_error =
            Some(PeerFailure { url: url.to_owned(), reason: reason.to_owned(), at: SystemTime::now() });
        let news = state.news(was_active, reason);
        drop(state);
        if was_active {
            self.metrics.active.set(0);
            self.metrics.disconnected.inc();
            warn!(peer_id = %self.id, url, action, error = reason, "peer became inactive");
        } else if news {
            warn!(peer_id = %self.id, url, action, error = reason, "peer is unreachable");
        } else {
            debug!(peer_id = %self.id, url, action, error = reason, "peer is still unreachable");
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state.lock().active_since.is_some()
    }

    pub(crate) fn snapshot(&self, urls: Vec<String>) -> PeerStatus {
        let state = self.state.lock();
        PeerStatus {
            id: self.id,
            urls,
            active_since: state.active_since,
            last_error: state.last_error.clone(),
        }
    }
}

impl State {
    /// Whether a failure is worth a line: the first one, another reason, or a reminder.
    fn news(&mut self, was_active: bool, reason: &str) -> bool {
        let now = Instant::now();
        let known = self
            .logged
            .as_ref()
            .is_some_and(|(at, text)| text == reason && now.saturating_duration_since(*at) < REMIND);
        if known && !was_active {
            return false;
        }
        self.logged = Some((now, reason.to_owned()));
        true
    }
}

#[cfg(test)]
mod tests;
