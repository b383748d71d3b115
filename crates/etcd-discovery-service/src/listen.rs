//! The port: accepts connections, with TLS or without, bounded in number and time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use etcd_tls::Acceptor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

/// Connections at once; further ones wait in the listener's queue.
const MAX_CONNECTIONS: usize = 8192;

/// How long a client may take to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(20);

/// How long open requests may take once draining starts.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Between two attempts to accept that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` over HTTP/1.1, with TLS when there is a `tls`, until `drain` is cancelled; open requests then have a
/// moment to finish.
pub async fn serve(listener: TcpListener, router: Router, tls: Option<Acceptor>, drain: CancellationToken) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let slots = Arc::clone(&slots);
        let next = async { (slots.acquire_owned().await, listener.accept().await) };
        let (slot, accepted) = tokio::select! {
            biased;
            () = drain.cancelled() => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, remote)) => {
                let (router, tls, drain) = (router.clone(), tls.clone(), drain.clone());
                connections.spawn(async move {
                    let _slot = slot;
                    let Some(tls) = tls else { return connection(stream, remote, router, drain).await };
                    // A handshake that fails is logged there.
                    let handshake = drain.run_until_cancelled(tls.accept(stream, remote)).await;
                    if let Some(Ok(stream)) = handshake {
                        connection(stream, remote, router, drain.clone()).await;
                    }
                });
            }
            Err(error) => {
                warn!(%error, "could not accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn connection<S>(stream: S, remote: std::net::SocketAddr, router: Router, drain: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(remote));
        router.clone().oneshot(request)
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 << 10);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(DRAIN_TIMEOUT, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!(%remote, %error, "connection ended early");
    }
}
