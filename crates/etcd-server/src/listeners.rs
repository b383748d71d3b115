//! Opens the ports, and the sockets in the file system.

mod file;

use std::io;
use std::net::SocketAddr;

use etcd_api::Listener;
use etcd_membership::Url;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

pub(crate) use file::SocketFile;

/// As many connections may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The operating system refused; the text is the one that etcd prints.
    #[error("listen tcp {address}: bind: {}", reason(cause))]
    Bind {
        /// Where.
        address: String,
        /// Why; part of the text, and so no source of its own.
        cause: io::Error,
    },
    /// The host has no address.
    #[error("listen tcp: lookup {host}: no such host")]
    NoSuchHost {
        /// Which.
        host: String,
    },
    /// A socket in the file system cannot be opened.
    #[error("listen unix {path}: bind: {}", reason(cause))]
    File {
        /// Where.
        path: String,
        /// Why; part of the text, and so no source of its own.
        cause: io::Error,
    },
    /// A socket in the file system for members, who are on other machines.
    #[error("cannot listen on {url}: members reach each other by http and https URLs only")]
    Scheme {
        /// Which.
        url: String,
    },
}

/// Socket options from the flags.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SocketOptions {
    pub(crate) reuse_port: bool,
}

/// An open port of members.
#[derive(Debug)]
pub(crate) struct PeerPort {
    pub(crate) listener: TcpListener,
    /// Its URL is an https one.
    pub(crate) is_tls: bool,
}

/// An open port of clients, or a socket in the file system.
#[derive(Debug)]
pub(crate) struct ClientPort {
    pub(crate) listener: Listener,
    /// Its URL is an https or unixs one.
    pub(crate) is_tls: bool,
    /// For the log.
    pub(crate) address: String,
    /// Removes the socket's file; to be dropped when nobody listens any more.
    pub(crate) file: Option<SocketFile>,
}

/// Opens one port a URL.
///
/// # Errors
/// [`ListenError`] for the first one that cannot be opened; those opened before are closed.
pub(crate) async fn bind_peers<'a>(
    urls: impl Iterator<Item = &'a Url>,
    options: SocketOptions,
) -> Result<Vec<PeerPort>, ListenError> {
    let mut ports = Vec::new();
    for url in urls {
        if url.scheme().is_unix() {
            return Err(ListenError::Scheme { url: url.to_string() });
        }
        ports.push(PeerPort { listener: bind_tcp(url, options).await?, is_tls: url.scheme().is_tls() });
    }
    Ok(ports)
}

/// The same, for clients: also sockets in the file system.
///
/// # Errors
/// [`ListenError`] for the first one that cannot be opened; those opened before are closed.
pub(crate) async fn bind_clients<'a>(
    urls: impl Iterator<Item = &'a Url>,
    options: SocketOptions,
) -> Result<Vec<ClientPort>, ListenError> {
    let mut ports = Vec::new();
    for url in urls {
        let is_tls = url.scheme().is_tls();
        ports.push(if let Some(path) = url.socket_path() {
            let (listener, file) =
                file::open(&path).map_err(|cause| ListenError::File { path: path.clone(), cause })?;
            ClientPort { listener: listener.into(), is_tls, address: path, file: Some(file) }
        } else {
            let listener = bind_tcp(url, options).await?;
            let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
            ClientPort { listener: listener.into(), is_tls, address, file: None }
        });
    }
    Ok(ports)
}

async fn bind_tcp(url: &Url, options: SocketOptions) -> Result<TcpListener, ListenError> {
    let address = resolve(url.authority()).await?;
    open(address, options).map_err(|cause| ListenError::Bind { address: address.to_string(), cause })
}

/// `localhost` is the IPv4 loopback when it has both.
async fn resolve(host: &str) -> Result<SocketAddr, ListenError> {
    let no_such_host = || ListenError::NoSuchHost { host: host.to_owned() };
    let mut found: Vec<SocketAddr> = lookup_host(host).await.map_err(|_| no_such_host())?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(no_such_host)
}

fn open(address: SocketAddr, options: SocketOptions) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A port whose last connections still wind down can be opened again, as every server expects on Unix.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(options.reuse_port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The operating system's words without Rust's error number, in Go's lower case.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named() -> anyhow::Result<()> {
        let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = taken.local_addr()?;
        let url: Url = format!("http://{address}").parse()?;
        let error = bind_peers([&url].into_iter(), SocketOptions { reuse_port: false }).await.err();
        let text = error.map(|error| error.to_string());
        assert_eq!(text, Some(format!("listen tcp {address}: bind: address already in use")));
        Ok(())
    }
}
