//! One HTTP/2 connection, without the layers that a general gRPC channel adds.
//!
//! tonic's channel queues requests to a task of its own, reconnects and balances. Here a connection is asked for
//! directly and an error is an error: the client must cost little, because it shares the machine with the servers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Context as _;
use etcd_proto::etcdserverpb::kv_client::KvClient;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::body::Body;
use tower_service::Service;

use crate::load::Call;

const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Sends requests over one connection; clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    sender: SendRequest<Body>,
}

/// A KV client on one connection.
#[derive(Clone)]
pub(crate) struct Client(KvClient<Connection>);

impl Client {
    /// Connects to `address` (host:port) within the current runtime.
    pub(crate) async fn connect(address: &str) -> anyhow::Result<Self> {
        let cannot = || format!("cannot connect to {address}");
        let stream = TcpStream::connect(address).await.with_context(cannot)?;
        stream.set_nodelay(true)?;
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(stream))
            .await
            .with_context(cannot)?;
        // When it ends with an error, every request on it ends with that error too.
        tokio::spawn(async move { drop(connection.await) });
        let origin = Uri::builder().scheme("http").authority(address).path_and_query("/").build()?;
        Ok(Self(KvClient::with_origin(Connection { sender }, origin)))
    }

    /// Sends one request and waits for its answer.
    pub(crate) async fn call(&mut self, call: Call) -> Result<(), tonic::Status> {
        match call {
            Call::Put(put) => self.0.put(put).await.map(drop),
            Call::Range(range) => self.0.range(range).await.map(drop),
            Call::Txn(txn) => self.0.txn(txn).await.map(drop),
        }
    }
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
