//! Sockets of both kinds: TCP, and files.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as StdUnixStream;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

/// Where clients connect to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Listener {
    /// A port.
    Tcp(TcpListener),
    /// A socket in the file system. The file is the caller's to remove.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

impl Listener {
    pub(super) async fn accept(&self) -> io::Result<(Socket, Remote)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                Ok((Either::Left(stream), Remote::Tcp(remote)))
            }
            Self::Unix(listener) => {
                let (stream, _unnamed) = listener.accept().await?;
                Ok((Either::Right(stream), Remote::Unix))
            }
        }
    }
}

/// Where a client is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Remote {
    Tcp(SocketAddr),
    /// On this machine.
    Unix,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            // As Go shows a socket without a name.
            Self::Unix => f.write_str("@"),
        }
    }
}

/// An accepted connection.
pub(super) type Socket = Either<TcpStream, UnixStream>;

/// One that no runtime owns.
#[derive(Debug)]
pub(super) enum Detached {
    Tcp(std::net::TcpStream),
    Unix(StdUnixStream),
}

/// Takes a socket off this runtime, so that a worker's can have it.
pub(super) fn detach(socket: Socket) -> io::Result<Detached> {
    match socket {
        Either::Left(stream) => {
            // Without it small answers wait for the acknowledgement of earlier ones: 40 ms.
            stream.set_nodelay(true)?;
            stream.into_std().map(Detached::Tcp)
        }
        Either::Right(stream) => stream.into_std().map(Detached::Unix),
    }
}

impl Detached {
    /// Gives it to the current runtime.
    pub(super) fn attach(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(stream) => TcpStream::from_std(stream).map(Either::Left),
            Self::Unix(stream) => UnixStream::from_std(stream).map(Either::Right),
        }
    }
}
