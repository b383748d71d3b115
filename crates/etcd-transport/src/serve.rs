//! The accept loop of the peer port.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::net;

/// Whether a listener of the peer port speaks TLS.
#[derive(Debug, Clone)]
pub enum Security {
    /// It does not.
    Plain,
    /// It does.
    Tls {
        /// Makes the handshakes.
        acceptor: etcd_tls::Acceptor,
        /// A peer's certificate must fit the address that the peer connects from, see [`etcd_tls::address::check`].
        check_addresses: bool,
    },
}

/// What one listener of the peer port puts up with.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at the same time; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Size of a request's line and headers, in bytes.
    pub max_header_bytes: usize,
    /// How long a connection may take to send them; an idle one is closed after this time too.
    pub header_timeout: Duration,
    /// A connection that takes no bytes for this long is closed.
    pub write_timeout: Duration,
    /// How long requests may take to finish once the port closes.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Twice the handshakes that a member lets go on at once: those that stall leave room.
            max_connections: 2048,
            max_header_bytes: 64 << 10,
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(2),
        }
    }
}

/// Serves HTTP/1.1 on `listener` until `drain` is ready, then lets requests finish.
///
/// [`crate::Transport::stop`] ends the streams, which would not finish by themselves.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    security: Security,
    limits: Limits,
    drain: impl Future<Output = ()>,
) {
    let mut connections = JoinSet::new();
    let closing = CancellationToken::new();
    let places = Arc::new(Semaphore::new(limits.max_connections.max(1)));
    let mut drain = std::pin::pin!(drain);
    loop {
        let accepted = tokio::select! {
            () = &mut drain => break,
            accepted = accept(&listener, &places) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Some((stream, place)) = accepted else { continue };
        let connection =
            connection(stream, security.clone(), router.clone(), limits.clone(), closing.clone());
        connections.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    closing.cancel();
    let finish = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain_timeout, finish).await.is_err() {
        debug!(left = connections.len(), "closed peer connections that did not finish");
    }
    connections.shutdown().await;
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(TcpStream, Place)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            // Out of file descriptors, most likely: it passes, but not at once.
            if !is_of_one_connection(&error) {
                warn!(%error, "could not accept peer connection");
                sleep(Duration::from_millis(100)).await;
            }
            None
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::ConnectionRefused | Kind::ConnectionAborted | Kind::ConnectionReset)
}

async fn connection(
    stream: TcpStream,
    security: Security,
    router: Router,
    limits: Limits,
    closing: CancellationToken,
) {
    // The handshake has a limit of its own; a member that stops does not wait for it.
    let accepted = tokio::select! {
        accepted = net::accept(&security, stream, limits.write_timeout) => accepted,
        () = closing.cancelled() => return,
    };
    let socket = match accepted {
        Ok(Some(socket)) => socket,
        Ok(None) => return,
        Err(error) => return debug!(%error, "peer connection failed"),
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(limits.max_header_bytes)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        debug!(%error, "peer connection ended");
    }
}
