//! Starts the API on a free port, and stops it.

use std::net::SocketAddr;
use std::sync::Arc;

use etcd_api::metrics::{self, Metrics};
use etcd_api::{Api, Options, ServeOptions, Surface, Workers, serve};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::memory::Memory;

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) memory: Memory,
    pub(crate) api: Api<Memory>,
    pub(crate) drain: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Server {
    /// Starts with etcd's defaults.
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default(), ServeOptions::default(), &Workers::default()).await
    }

    pub(crate) async fn start_with(options: Options, serve_options: ServeOptions, workers: &Workers) -> Self {
        Self::start_at(Surface::All, options, serve_options, workers).await
    }

    /// Starts a listener for a part of the API.
    pub(crate) async fn start_on(surface: Surface) -> Self {
        Self::start_at(surface, Options::default(), ServeOptions::default(), &Workers::default()).await
    }

    async fn start_at(
        surface: Surface,
        options: Options,
        serve_options: ServeOptions,
        workers: &Workers,
    ) -> Self {
        let memory = Memory::default();
        let mut registry = Registry::default();
        let counters = Metrics::register(&mut registry);
        metrics::register_process(&mut registry);
        metrics::register_member(&mut registry, memory.clone());
        let api = Api::new(memory.clone(), options, counters, Arc::new(registry));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let drain = CancellationToken::new();
        let (workers, until, served) = (workers.clone(), drain.clone(), api.on(surface));
        let task = tokio::spawn(async move { serve(listener, served, serve_options, &workers, until).await });
        Self { address, memory, api, drain, task }
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).expect("a valid address");
        endpoint.connect().await.expect("the server listens")
    }
}
