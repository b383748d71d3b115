//! One HTTP/2 connection, without the layers that a general gRPC channel adds.
//!
//! tonic's channel queues requests to a task of its own, reconnects and balances. Here a connection is asked for
//! directly and an error is an error: the client must cost little, because it shares the machine with the servers.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use anyhow::Context as _;
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::lease_client::LeaseClient;
use etcd_proto::etcdserverpb::watch_client::WatchClient;
use etcd_proto::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse, WatchRequest, WatchResponse};
use etcd_tls::Tls;
use etcd_tls::tokio_rustls::TlsConnector;
use etcd_tls::tokio_rustls::client::TlsStream;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::body::Body;
use tower_service::Service;

use crate::load::Call;

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// etcd's refusal of a lease that is there.
const LEASE_EXISTS: &str = "etcdserver: lease already exists";

/// Sends requests over one connection; clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: SendRequest<Body>,
}

impl Connection {
    /// Connects to `address` (host:port), without TLS, within the current runtime.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let sender = async { anyhow::Ok(shake(plain(address).await?).await?) }.await;
        Ok(Self { sender: sender.with_context(|| format!("cannot connect to {address}"))? })
    }

    /// Sends a request; its answer is read by the caller.
    pub(crate) async fn send(&self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        self.sender.clone().send_request(request).await
    }
}

/// A client on one connection. A clone shares the connection, and renews leases on a stream of its own.
pub(crate) struct Client {
    kv: KvClient<Connection>,
    watch: WatchClient<Connection>,
    lease: LeaseClient<Connection>,
    renewals: Option<Renewals>,
}

/// A stream of renewals, of which one is under way at a time.
struct Renewals {
    requests: mpsc::Sender<LeaseKeepAliveRequest>,
    answers: Streaming<LeaseKeepAliveResponse>,
}

impl Clone for Client {
    fn clone(&self) -> Self {
        let (kv, watch, lease) = (self.kv.clone(), self.watch.clone(), self.lease.clone());
        Self { kv, watch, lease, renewals: None }
    }
}

impl Client {
    /// Connects to `address` (host:port) within the current runtime; with TLS, whoever it is.
    pub(crate) async fn connect(address: &str, is_tls: bool) -> anyhow::Result<Self> {
        let cannot = || format!("cannot connect to {address}");
        let (scheme, sender) = if is_tls {
            ("https", shake(secure(address).await.with_context(cannot)?).await)
        } else {
            ("http", shake(plain(address).await.with_context(cannot)?).await)
        };
        let sender = sender.with_context(cannot)?;
        let origin = Uri::builder().scheme(scheme).authority(address).path_and_query("/").build()?;
        let connection = Connection { sender };
        let watch = WatchClient::with_origin(connection.clone(), origin.clone());
        let lease = LeaseClient::with_origin(connection.clone(), origin.clone());
        Ok(Self { kv: KvClient::with_origin(connection, origin), watch, lease, renewals: None })
    }

    /// Sends one request and waits for its answer.
    pub(crate) async fn call(&mut self, call: Call) -> Result<(), tonic::Status> {
        match call {
            Call::Put(put) => self.kv.put(put).await.map(drop),
            Call::Range(range) => self.kv.range(range).await.map(drop),
            Call::Txn(txn) => self.kv.txn(txn).await.map(drop),
            Call::Grant(grant) => match self.lease.lease_grant(grant).await {
                // Of an earlier measurement of the same cluster.
                Err(status) if status.message() == LEASE_EXISTS => Ok(()),
                granted => granted.map(drop),
            },
            Call::KeepAlive(id) => self.renew(id).await,
        }
    }

    /// Sends one renewal, and waits for its answer; a stream that fails is not used again.
    async fn renew(&mut self, id: i64) -> Result<(), tonic::Status> {
        let request = LeaseKeepAliveRequest { id };
        let mut renewals = match self.renewals.take() {
            Some(renewals) => {
                let sent = renewals.requests.send(request).await;
                sent.map_err(|_| tonic::Status::unavailable("the stream has ended"))?;
                renewals
            }
            None => {
                let (requests, receiver) = mpsc::channel(1);
                // First, since a server may send its headers with its first answer.
                requests.try_send(request).map_err(|_| tonic::Status::internal("nobody sends"))?;
                let answers = self.lease.lease_keep_alive(ReceiverStream::new(receiver)).await?.into_inner();
                Renewals { requests, answers }
            }
        };
        match renewals.answers.message().await? {
            Some(answer) if answer.id == id && answer.ttl > 0 => {
                self.renewals = Some(renewals);
                Ok(())
            }
            other => Err(tonic::Status::internal(format!("not the renewal of lease {id}: {other:?}"))),
        }
    }

    /// Opens a watch stream for these requests.
    pub(crate) async fn watch(
        &mut self,
        requests: impl Stream<Item = WatchRequest> + Send + 'static,
    ) -> Result<Streaming<WatchResponse>, tonic::Status> {
        self.watch.watch(requests).await.map(tonic::Response::into_inner)
    }
}

async fn plain(address: &str) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A TLS connection to whoever is at `address`.
pub(crate) async fn secure(address: &str) -> anyhow::Result<TlsStream<TcpStream>> {
    static TLS: OnceLock<Arc<Tls>> = OnceLock::new();
    let tls = match TLS.get() {
        Some(tls) => tls,
        None => {
            let alpn = vec![b"h2".to_vec()];
            let made =
                Tls::load(etcd_tls::Options { skip_verify: true, client_alpn: alpn, ..Default::default() })?;
            TLS.get_or_init(|| made)
        }
    };
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let connector = TlsConnector::from(tls.client_config()?);
    Ok(connector.connect(tls.server_name(host)?, plain(address).await?).await?)
}

async fn shake<S>(stream: S) -> hyper::Result<SendRequest<Body>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(TokioIo::new(stream))
        .await?;
    // When it ends with an error, every request on it ends with that error too.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

impl Service<Request<Body>> for Connection {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
