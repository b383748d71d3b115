//! Connections under HTTP: dialling, accepting, and a bound on writes that do not move.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use etcd_tls::tokio_rustls::{TlsConnector, TlsStream};
use etcd_tls::{HandshakeError, LoadError, Tls, address};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::either::Either;

use crate::serve::Security;
use crate::url::PeerUrl;

/// A TLS handshake with a peer must be done within this time.
///
/// # Source
/// etcd `client/pkg/transport/transport.go`, `TLSHandshakeTimeout`.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Looking up the names in a peer's certificate must be done within this time.
const ADDRESS_CHECK: Duration = Duration::from_secs(5);

/// What one read of a TLS socket takes: four records of the largest size. The TLS library by itself takes 4 KiB at a time.
const TLS_READ_SIZE: usize = 64 << 10;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DialError {
    #[error("{url} needs TLS, and none is set up")]
    NoTls { url: String },
    #[error("{0}")]
    Tls(LoadError),
    #[error("tls: {}", in_words(.0))]
    Handshake(io::Error),
    #[error("dial timed out")]
    Timeout,
    #[error("{}", in_words(.0))]
    Io(io::Error),
}

/// Dials peers. The scheme of a URL decides how.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) dial_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

impl Connector {
    pub(crate) async fn connect(&self, url: &PeerUrl) -> Result<Socket, DialError> {
        let tls = match &self.tls {
            Some(tls) if url.tls => Some(tls),
            None if url.tls => return Err(DialError::NoTls { url: url.to_string() }),
            _ => None,
        };
        let stream = timeout(self.dial_timeout, TcpStream::connect((url.host.as_str(), url.port)))
            .await
            .map_err(|_| DialError::Timeout)?
            .map_err(DialError::Io)?;
        prepare(&stream, self.write_timeout).map_err(DialError::Io)?;
        let stream = match tls {
            None => Stream::Left(stream),
            Some(tls) => Stream::Right(Box::new(secure(tls, url, stream).await?)),
        };
        Ok(Socket::new(stream, self.write_timeout))
    }
}

async fn secure(
    tls: &Tls,
    url: &PeerUrl,
    stream: TcpStream,
) -> Result<TlsStream<BufReader<TcpStream>>, DialError> {
    let name = tls.server_name(&url.host).map_err(DialError::Tls)?;
    let connector = TlsConnector::from(tls.client_config().map_err(DialError::Tls)?);
    match timeout(HANDSHAKE, connector.connect(name, buffered(stream))).await {
        Ok(Ok(stream)) => Ok(stream.into()),
        Ok(Err(error)) => Err(DialError::Handshake(error)),
        Err(_) => Err(DialError::Timeout),
    }
}

/// Turns an accepted connection into what HTTP runs on; a handshake happens here, in the connection's own task.
///
/// `None` when the handshake has failed, which is already logged.
pub(crate) async fn accept(
    security: &Security,
    stream: TcpStream,
    write_timeout: Duration,
) -> io::Result<Option<Socket>> {
    prepare(&stream, write_timeout)?;
    let Security::Tls { acceptor, check_addresses } = security else {
        return Ok(Some(Socket::new(Stream::Left(stream), write_timeout)));
    };
    let remote = stream.peer_addr()?;
    let Ok(stream) = acceptor.accept(buffered(stream), remote).await else { return Ok(None) };
    let connection = stream.get_ref().1;
    if *check_addresses && let Some(certificate) = connection.peer_certificates().and_then(<[_]>::first) {
        let checked = match timeout(ADDRESS_CHECK, address::check(certificate, remote.ip())).await {
            Ok(checked) => checked.map_err(|error| HandshakeError::Failed(io::Error::other(error))),
            Err(_) => Err(HandshakeError::Timeout),
        };
        if let Err(error) = checked {
            acceptor.reject(remote, connection.server_name(), &error);
            return Ok(None);
        }
    }
    Ok(Some(Socket::new(Stream::Right(Box::new(stream.into())), write_timeout)))
}

fn buffered(stream: TcpStream) -> BufReader<TcpStream> {
    BufReader::with_capacity(TLS_READ_SIZE, stream)
}

fn prepare(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&keepalive)?;
    // A peer that lost power acknowledges nothing: small heartbeats would fill the send buffer for minutes.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(write_timeout))?;
    Ok(())
}

/// A connection whose writes fail when the other side takes nothing for a while.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

/// The right one speaks TLS.
type Stream = Either<TcpStream, Box<TlsStream<BufReader<TcpStream>>>>;

impl Socket {
    fn new(stream: Stream, write_timeout: Duration) -> Self {
        Self { stream, write_timeout, stalled: None, waiting: false }
    }

    /// Passes a write's outcome on, and fails it when it has been pending for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waiting = false;
            return outcome;
        }
        let deadline = self.write_timeout;
        let sleep = self.stalled.get_or_insert_with(|| Box::pin(sleep(deadline)));
        if !self.waiting {
            self.waiting = true;
            sleep.as_mut().reset(Instant::now() + deadline);
        }
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other side reads nothing")))
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.watch(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.watch(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.watch(cx, outcome)
    }
}

/// The reason without error numbers, as operators know it.
pub(crate) fn in_words(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => "connection refused".to_owned(),
        Kind::ConnectionReset => "connection reset by peer".to_owned(),
        // rustls has a page on it.
        Kind::UnexpectedEof => "unexpected EOF".to_owned(),
        Kind::TimedOut => "i/o timeout".to_owned(),
        Kind::HostUnreachable => "no route to host".to_owned(),
        Kind::NetworkUnreachable => "network is unreachable".to_owned(),
        _ => error.to_string(),
    }
}
