//! When to try again.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::error::DiscoveryError;
use crate::pauses::Pauses;

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(256);

/// What went wrong in one exchange with the service.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may be better a moment later; the reason in a few words.
    Passing(String),
    /// No answer in time.
    Silence,
    /// It will not get better.
    Final(DiscoveryError),
}

impl From<DiscoveryError> for Failure {
    fn from(error: DiscoveryError) -> Self {
        Self::Final(error)
    }
}

/// What is being done when a failure comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The first questions, before this member is registered.
    StatusCheck,
    /// Registering.
    Registering,
    /// Waiting for others, with this member registered: it would be refused if it came again, so it does not give up.
    Waiting,
}

impl Phase {
    const fn words(self) -> &'static str {
        match self {
            Self::StatusCheck => "cluster status check",
            Self::Registering => "registering",
            Self::Waiting => "waiting for other nodes",
        }
    }
}

/// Pauses of 2, 4, 8 … 256 s between attempts; they begin anew after a success.
pub(crate) struct Retry {
    pauses: Arc<dyn Pauses>,
    /// The service, for the log.
    place: String,
    next: Duration,
}

impl Retry {
    pub(crate) fn new(pauses: Arc<dyn Pauses>, place: String) -> Self {
        Self { pauses, place, next: FIRST_PAUSE }
    }

    pub(crate) const fn succeeded(&mut self) {
        self.next = FIRST_PAUSE;
    }

    /// Passes the time until the next attempt.
    ///
    /// # Errors
    /// When there shall be none.
    ///
    /// # Source
    /// etcd `server/etcdserver/api/v2discovery/discovery.go`, `logAndBackoffForRetry`.
    pub(crate) async fn after(&mut self, failure: Failure, phase: Phase) -> Result<(), DiscoveryError> {
        let reason = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Silence if phase == Phase::StatusCheck => return Err(DiscoveryError::Timeout),
            Failure::Silence => DiscoveryError::Timeout.to_string(),
            Failure::Passing(reason) => reason,
        };
        let (url, backoff) = (self.place.as_str(), format!("{}s", self.next.as_secs()));
        warn!(url, error = reason, "failed to get from discovery server");
        let what = phase.words();
        warn!(url, reason = what, backoff, "{what}: error connecting to {url}, retrying in {backoff}");
        self.pauses.pause(self.next).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// A pause that is no back-off: the service answers more often than it has news.
    pub(crate) async fn breathe(&self) {
        self.pauses.pause(Duration::from_secs(1)).await;
    }
}
