//! Handshakes of connections that we accept.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
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
    /// Handshakes with the certificates of `tls`, at most `limit` at once and at least one.
    pub fn new(tls: Arc<Tls>, limit: usize) -> Self {
        Self::with_timeout(tls, limit, TIMEOUT)
    }

    pub(crate) fn with_timeout(tls: Arc<Tls>, limit: usize, timeout: Duration) -> Self {
        let pending = Pending { limit: limit.max(1), timeout, handshakes: Mutex::default() };
        Self { tls, pending: Arc::new(pending) }
    }

    /// What the handshakes use.
    pub fn tls(&self) -> &Arc<Tls> {
        &self.tls
    }

    /// Makes the handshake; the configuration is the one that is current now.
    ///
    /// # Errors
    /// [`HandshakeError`]; the connection is closed.
    pub async fn accept<S>(&self, stream: S) -> Result<TlsStream<S>, HandshakeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.tls.server_config().ok_or(HandshakeError::NoCertificate)?;
        let place = Place::take(&self.pending);
        let handshake = TlsAcceptor::from(config).accept(stream);
        tokio::select! {
            biased;
            outcome = tokio::time::timeout(self.pending.timeout, handshake) => match outcome {
                Ok(outcome) => outcome.map_err(HandshakeError::Failed),
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
