//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tracing::debug;

use super::ServeOptions;
use super::authority::Corrected;
use super::drain::Drain;
use super::pings::{Open, Policed};
use super::protocol::{Protocol, Replayed, detect};
use super::socket::{Detached, Remote, Socket};
use super::stream::{Stream, certificate};
use crate::grpc::Body;
use crate::{Api, CommonName, Replica};

/// What a client may send on one stream before it is read.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for a whole connection. Large: HTTP/2 counts unread small frames against half of it, and closes the
/// connection when there are too many.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Streams that a client may reset before it is told to go away. Generous: cancelling many watches is legitimate.
const RESET_STREAMS: usize = 4096;

/// What all connections of one listener share.
pub(super) struct Shared<R> {
    pub(super) api: Api<R>,
    pub(super) options: ServeOptions,
    pub(super) drain: Drain,
}

/// An accepted connection that no runtime owns yet.
pub(super) struct Connection<R> {
    pub(super) socket: Detached,
    pub(super) remote: Remote,
    pub(super) shared: Arc<Shared<R>>,
}

impl<R: Replica> Connection<R> {
    /// Serves the connection on the current runtime.
    pub(super) async fn run(self) {
        let remote = self.remote;
        if let Err(error) = self.serve().await {
            debug!(%remote, error = &*error, "connection ended early");
        }
    }

    async fn serve(self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let socket = self.socket.attach()?;
        let shared = &self.shared;
        let handshake = Box::pin(secure(&shared.options, socket, self.remote));
        let Some(Some(stream)) = shared.drain.until_started(handshake).await else { return Ok(()) };
        let caller = Caller { remote: self.remote, common_name: common_name(&stream) };
        let detected = tokio::time::timeout(shared.options.header_read_timeout, detect(stream));
        let detected = shared.drain.until_started(Box::pin(detected)).await;
        let Some(detected) = detected else { return Ok(()) };
        let (protocol, stream) = detected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        match protocol {
            Protocol::Http1 => finish(http1_connection(shared, caller, stream), shared).await,
            Protocol::Http2 => finish(http2_connection(shared, caller, stream), shared).await,
        }
    }
}

/// Whom a connection's requests come from.
struct Caller {
    remote: Remote,
    /// Of the certificate that the client has shown.
    common_name: Option<CommonName>,
}

/// Makes the handshake if there is to be one; `None` when it fails, which is logged there.
async fn secure(options: &ServeOptions, socket: Socket, remote: Remote) -> Option<Stream> {
    match &options.tls {
        None => Some(Stream::Left(socket)),
        Some(acceptor) => Some(Stream::Right(Box::new(acceptor.accept(socket, remote).await.ok()?))),
    }
}

fn common_name(stream: &Stream) -> Option<CommonName> {
    etcd_tls::common_name(certificate(stream)?).map(|name| CommonName(name.into()))
}

/// Runs a connection to its end; once draining starts, only until its open requests are answered.
async fn finish<C, R>(
    connection: C,
    shared: &Shared<R>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    C: GracefulConnection<Error = hyper::Error, Output = hyper::Result<()>>,
{
    let mut connection = std::pin::pin!(connection);
    if let Some(ended) = shared.drain.until_started(connection.as_mut()).await {
        return Ok(ended?);
    }
    connection.as_mut().graceful_shutdown();
    match tokio::time::timeout(shared.options.drain_timeout, connection).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

fn http1_connection<R: Replica>(
    shared: &Arc<Shared<R>>,
    caller: Caller,
    stream: Replayed,
) -> impl GracefulConnection<Error = hyper::Error, Output = hyper::Result<()>> {
    let options = &shared.options;
    let api = shared.api.clone();
    let service = service_fn(move |request| answer(&api, request, &caller, None));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_read_timeout)
        .max_buf_size((options.max_header_bytes as usize).max(8 << 10))
        // A client that has hung up must not go on waiting for a lock or a watch, as in etcd.
        .half_close(false);
    builder.serve_connection(TokioIo::new(stream), service)
}

fn http2_connection<R: Replica>(
    shared: &Arc<Shared<R>>,
    caller: Caller,
    stream: Replayed,
) -> impl GracefulConnection<Error = hyper::Error, Output = hyper::Result<()>> {
    let options = &shared.options;
    let api = shared.api.clone();
    let calls = Open::default();
    let stream = Policed::new(stream, options.keep_alive_min_time, Open::clone(&calls));
    let is_policed = options.keep_alive_min_time.is_some();
    let service = service_fn(move |request| {
        let open = is_policed.then(|| Open::clone(&calls));
        answer(&api, request, &caller, open)
    });
    let max_header_bytes = options.max_header_bytes.max(8 << 10);
    let stream = Corrected::new(stream, max_header_bytes as usize);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(options.max_concurrent_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(max_header_bytes)
        .max_pending_accept_reset_streams(RESET_STREAMS)
        .max_local_error_reset_streams(RESET_STREAMS)
        .keep_alive_interval(options.keep_alive_interval)
        .keep_alive_timeout(options.keep_alive_timeout);
    builder.serve_connection(TokioIo::new(stream), service)
}

/// Answers as hyper wants it. What is `open` is so until the answer is sent.
fn answer<R: Replica>(
    api: &Api<R>,
    mut request: Request<Incoming>,
    caller: &Caller,
    open: Option<Open>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + use<R> {
    if let Some(name) = &caller.common_name {
        request.extensions_mut().insert(name.clone());
    }
    api.respond(request, caller.remote).map(|answer| Ok(answer.map(|body| body.during(open))))
}
