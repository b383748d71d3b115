//! Opens the ports.

use std::io;
use std::net::SocketAddr;

use etcd_membership::Url;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

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
    /// A socket in the file system.
    #[error("cannot listen on {url}: unix sockets are not available yet")]
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

/// An open port.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) listener: TcpListener,
    /// Its URL is an https one.
    pub(crate) is_tls: bool,
}

/// Opens one port a URL.
///
/// # Errors
/// [`ListenError`] for the first one that cannot be opened; those opened before are closed.
pub(crate) async fn bind<'a>(
    urls: impl Iterator<Item = &'a Url>,
    options: SocketOptions,
) -> Result<Vec<Port>, ListenError> {
    let mut listeners = Vec::new();
    for url in urls {
        listeners.push(bind_one(url, options).await?);
    }
    Ok(listeners)
}

async fn bind_one(url: &Url, options: SocketOptions) -> Result<Port, ListenError> {
    if url.scheme().is_unix() {
        return Err(ListenError::Scheme { url: url.to_string() });
    }
    let address = resolve(url.authority()).await?;
    let listener =
        open(address, options).map_err(|cause| ListenError::Bind { address: address.to_string(), cause })?;
    Ok(Port { listener, is_tls: url.scheme().is_tls() })
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
        let error = bind([&url].into_iter(), SocketOptions { reuse_port: false }).await.err();
        let text = error.map(|error| error.to_string());
        assert_eq!(text, Some(format!("listen tcp {address}: bind: address already in use")));
        Ok(())
    }
}
