//! Handshakes of connections that we accept.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::{InvalidMessage, PeerIncompatible};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls::Tls;

/// A handshake that takes longer is given up.
///
/// # Source
/// etcd `client/pkg/transport/listener_tls.go` `tlsHandshakeTimeout`.
const TIMEOUT: Duration = Duration::from_secs(10);

/// So many rejections are logged in one window of time; the rest is counted.
const LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

/// Makes handshakes for one port. Cheap to clone; clones share the bound.
///
/// So many may be going on at once; one more ends the oldest. A handshake takes milliseconds, and whoever lets it
/// stall loses its place to those who do not.
#[derive(Clone)]
pub struct Acceptor {
    tls: Arc<Tls>,
    pending: Arc<Pending>,
}

struct Pending {
    /// `client` or `peer`, for the log.
    endpoint: &'static str,
    rejections: Mutex<Rejections>,
    limit: usize,
    timeout: Duration,
    /// By age.
    handshakes: Mutex<(u64, BTreeMap<u64, Arc<Notify>>)>,
}

/// A connection did not become a TLS one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// It took longer than 10 s.
    #[error("TLS handshake timed out")]
    Timeout,
    /// It was the oldest one of too many.
    #[error("TLS handshake given up: too many at once")]
    Crowded,
    /// The port has no certificate.
    #[error("no certificate to show")]
    NoCertificate,
    /// The other side speaks something else, most likely HTTP.
    #[error("the client speaks no TLS; use an https URL for this port")]
    PlainText,
    /// The other side offers TLS 1.1 or older, or what this port does not take.
    #[error("the client offers no version of TLS that this port takes")]
    Version,
    /// The other side went away, or the two cannot agree, or one does not trust the other.
    #[error("{0}")]
    Failed(io::Error),
}

impl HandshakeError {
    /// The other side just went away, as port scanners and health checks do.
    pub fn is_silent(&self) -> bool {
        use io::ErrorKind as Kind;
        matches!(self, Self::Failed(error) if matches!(
            error.kind(),
            Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::NotConnected
        ))
    }
}

impl Acceptor {
    /// Handshakes with the certificates of `tls`, at most `limit` at once and at least one. The log calls the port the
    /// `endpoint` endpoint; etcd's words are `client` and `peer`.
    pub fn new(endpoint: &'static str, tls: Arc<Tls>, limit: usize) -> Self {
        Self::with_timeout(endpoint, tls, limit, TIMEOUT)
    }

    pub(crate) fn with_timeout(
        endpoint: &'static str,
        tls: Arc<Tls>,
        limit: usize,
        timeout: Duration,
    ) -> Self {
        let rejections = Mutex::new(Rejections::default());
        let pending =
            Pending { endpoint, rejections, limit: limit.max(1), timeout, handshakes: Mutex::default() };
        Self { tls, pending: Arc::new(pending) }
    }

    /// What the handshakes use.
    pub fn tls(&self) -> &Arc<Tls> {
        &self.tls
    }

    /// Makes the handshake with `remote`, which is for the log; the configuration is the one that is current now.
    ///
    /// # Errors
    /// [`HandshakeError`]; it is logged and the connection is closed.
    pub async fn accept<S, A>(&self, stream: S, remote: A) -> Result<TlsStream<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        A: fmt::Display,
    {
        let outcome = self.handshake(stream).await;
        if let Err(error) = &outcome {
            self.reject(remote, None, error);
        }
        outcome
    }

    /// Logs that a connection is not let in; `server_name` is what it asked for, when that is known.
    ///
    /// # Source
    /// etcd `server/embed/config_logging.go`.
    pub fn reject(&self, remote: impl fmt::Display, server_name: Option<&str>, error: &HandshakeError) {
        let Pending { endpoint, rejections, .. } = &*self.pending;
        if error.is_silent() {
            tracing::debug!(remote_addr = %remote, %error, "connection ended during the handshake");
            return;
        }
        let Some(not_shown) = rejections.lock().next(Instant::now()) else { return };
        let server_name = server_name.unwrap_or_default();
        if *endpoint == "peer" {
            tracing::warn!(remote_addr = %remote, server_name, %error, not_shown, "rejected connection on peer endpoint");
        } else {
            tracing::warn!(remote_addr = %remote, server_name, %error, not_shown, "rejected connection on client endpoint");
        }
    }

    async fn handshake<S>(&self, stream: S) -> Result<TlsStream<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.tls.server_config().ok_or(HandshakeError::NoCertificate)?;
        let place = Place::take(&self.pending);
        let handshake = TlsAcceptor::from(config).accept(stream);
        tokio::select! {
            biased;
            outcome = tokio::time::timeout(self.pending.timeout, handshake) => match outcome {
                Ok(outcome) => outcome.map_err(failed),
                Err(_) => Err(HandshakeError::Timeout),
            },
            () = place.ended.notified() => Err(HandshakeError::Crowded),
        }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("limit", &self.pending.limit).finish_non_exhaustive()
    }
}

fn failed(error: io::Error) -> HandshakeError {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => HandshakeError::PlainText,
        // Clients older than TLS 1.2 name no signature algorithms either, which is noticed first.
        Some(rustls::Error::PeerIncompatible(
            PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        )) => HandshakeError::Version,
        _ => HandshakeError::Failed(error),
    }
}

/// Keeps strangers from filling the log.
#[derive(Debug, Default)]
struct Rejections {
    since: Option<Instant>,
    shown: u32,
    not_shown: u64,
}

impl Rejections {
    /// How many were not logged since the last that was, when this one is to be.
    fn next(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            self.since = Some(now);
            self.shown = 0;
        }
        if self.shown >= LINES {
            self.not_shown += 1;
            return None;
        }
        self.shown += 1;
        Some(std::mem::take(&mut self.not_shown))
    }
}

/// One handshake among those that are going on; gone when dropped.
struct Place<'a> {
    pending: &'a Pending,
    number: u64,
    ended: Arc<Notify>,
}

impl<'a> Place<'a> {
    fn take(pending: &'a Pending) -> Self {
        let ended = Arc::new(Notify::new());
        let mut guard = pending.handshakes.lock();
        let (next, handshakes) = &mut *guard;
        let number = *next;
        *next += 1;
        if handshakes.len() >= pending.limit
            && let Some((_, oldest)) = handshakes.pop_first()
        {
            oldest.notify_one();
        }
        handshakes.insert(number, Arc::clone(&ended));
        drop(guard);
        Self { pending, number, ended }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pending.handshakes.lock().1.remove(&self.number);
    }
}
