//! Connections under HTTP: dialling, accepting, and a bound on writes that do not move.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};

use crate::url::PeerUrl;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DialError {
    #[error("{url} needs TLS, which this build does not speak")]
    Tls { url: String },
    #[error("dial timed out")]
    Timeout,
    #[error("{}", in_words(.0))]
    Io(io::Error),
}

/// Dials peers. The scheme of a URL decides how.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) dial_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

impl Connector {
    pub(crate) async fn connect(&self, url: &PeerUrl) -> Result<Socket, DialError> {
        if url.tls {
            return Err(DialError::Tls { url: url.to_string() });
        }
        let stream = timeout(self.dial_timeout, TcpStream::connect((url.host.as_str(), url.port)))
            .await
            .map_err(|_| DialError::Timeout)?
            .map_err(DialError::Io)?;
        Socket::plain(stream, self.write_timeout).map_err(DialError::Io)
    }
}

/// Turns accepted connections into what HTTP runs on; a handshake would happen here, in the connection's own task.
#[derive(Debug, Clone)]
pub(crate) enum Acceptor {
    Plain { write_timeout: Duration },
}

impl Acceptor {
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<Socket> {
        match self {
            Self::Plain { write_timeout } => Socket::plain(stream, *write_timeout),
        }
    }
}

/// A connection whose writes fail when the other side takes nothing for a while.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
}

impl Socket {
    fn plain(stream: TcpStream, write_timeout: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let keepalive =
            TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
        let socket = SockRef::from(&stream);
        socket.set_tcp_keepalive(&keepalive)?;
        // A peer that lost power acknowledges nothing: small heartbeats would fill the send buffer for minutes.
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(write_timeout))?;
        Ok(Self { stream: Stream::Plain(stream), write_timeout, stalled: None, waiting: false })
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
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        this.watch(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = match &mut this.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        this.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// The reason without error numbers, as operators know it.
pub(crate) fn in_words(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => "connection refused".to_owned(),
        Kind::ConnectionReset => "connection reset by peer".to_owned(),
        Kind::TimedOut => "i/o timeout".to_owned(),
        Kind::HostUnreachable => "no route to host".to_owned(),
        Kind::NetworkUnreachable => "network is unreachable".to_owned(),
        _ => error.to_string(),
    }
}
