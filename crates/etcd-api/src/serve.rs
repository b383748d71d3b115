//! The client port: accepts connections, places them on workers, and lets them finish.

mod authority;
mod connection;
mod drain;
mod pings;
mod protocol;
mod socket;
mod stream;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use etcd_tls::Acceptor;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

pub(crate) use pings::Open;
pub use socket::Listener;
pub(crate) use socket::Remote;
pub use workers::{StartError, Workers};

use crate::{Api, Replica};
use connection::Connection;
use drain::Drain;
use socket::{Socket, detach};

/// Limits of the client port.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeOptions {
    /// Makes the handshakes of a port that speaks TLS; without it the port speaks plain text. Requests carry the name
    /// in their client's certificate, as [`CommonName`](crate::CommonName).
    pub tls: Option<Acceptor>,
    /// Connections at once; further ones wait in the listener's queue.
    pub max_connections: usize,
    /// `--max-concurrent-streams`: requests at once on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// `--grpc-keepalive-interval`: how often a silent HTTP/2 client is pinged; none turns that off.
    pub keep_alive_interval: Option<Duration>,
    /// `--grpc-keepalive-timeout`: how long the answer to such a ping may take.
    pub keep_alive_timeout: Duration,
    /// `--grpc-keepalive-min-time`: how far apart the pings of an HTTP/2 client must be; none lets it ping as it likes.
    pub keep_alive_min_time: Option<Duration>,
    /// How long a client may take to begin: the HTTP/2 preface, or the headers of an HTTP/1 request.
    pub header_read_timeout: Duration,
    /// Size of a request's headers, in bytes; at least 8 KiB.
    pub max_header_bytes: u32,
    /// How long open requests may take once `serve` is told to drain.
    pub drain_timeout: Duration,
}

impl Default for ServeOptions {
    /// etcd's defaults where it has one.
    fn default() -> Self {
        Self {
            tls: None,
            max_connections: 65_536,
            max_concurrent_streams: u32::MAX,
            keep_alive_interval: Some(Duration::from_secs(2 * 60 * 60)),
            keep_alive_timeout: Duration::from_secs(20),
            keep_alive_min_time: Some(Duration::from_secs(5)),
            header_read_timeout: Duration::from_secs(30),
            max_header_bytes: 64 << 10,
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// Answers every connection of `listener` until `drain` is cancelled, then lets open requests finish.
///
/// Returns when the last connection has ended, at most `drain_timeout` later. An error of the listener is logged and
/// tried again, with a pause: it is most often the lack of file descriptors.
pub async fn serve<R: Replica>(
    listener: impl Into<Listener>,
    api: Api<R>,
    options: ServeOptions,
    workers: &Workers,
    drain: CancellationToken,
) {
    let listener = listener.into();
    let slots = Arc::new(Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let api = api.over_tls(options.tls.is_some());
    let shared = Arc::new(connection::Shared { api, options, drain: Drain::default() });
    while let Some((socket, remote, slot)) = next(&listener, &slots, &drain).await {
        match detach(socket) {
            Ok(socket) => {
                let connection = Connection { socket, remote, shared: Arc::clone(&shared) };
                let guard = (slot, connections.token());
                workers.place(async move {
                    connection.run().await;
                    drop(guard);
                });
            }
            Err(error) => debug!(%remote, %error, "could not take over the connection"),
        }
    }
    drop(listener);
    shared.drain.start();
    connections.close();
    connections.wait().await;
}

/// The next connection; none once draining.
async fn next(
    listener: &Listener,
    slots: &Arc<Semaphore>,
    drain: &CancellationToken,
) -> Option<(Socket, Remote, OwnedSemaphorePermit)> {
    let accepted = async {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        let mut pause = Duration::from_millis(5);
        loop {
            match listener.accept().await {
                Ok((socket, remote)) => return Some((socket, remote, slot)),
                Err(error) => {
                    warn!(%error, pause_ms = pause.as_millis() as u64, "could not accept a connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = drain.cancelled() => None,
        accepted = accepted => accepted,
    }
}
