//! A whole etcd API on one port, over a replica that keeps its keys in memory.
//!
//! `cargo run -p etcd-api --example one_port`, then, elsewhere:
//! `etcdctl put foo bar`, `etcdctl get foo`, `curl http://127.0.0.1:2379/health`.

use std::sync::Arc;

use etcd_api::metrics::{self, Metrics};
use etcd_api::{Api, Options, ServeOptions, Workers, serve};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[path = "../tests/it/memory.rs"]
mod memory;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2379".to_owned());
    let replica = memory::Memory::default();
    let mut registry = Registry::default();
    let counters = Metrics::register(&mut registry);
    metrics::register_process(&mut registry);
    metrics::register_member(&mut registry, replica.clone());
    let api = Api::new(replica, Options::default(), counters, Arc::new(registry));

    let listener = TcpListener::bind(&address).await?;
    let drain = CancellationToken::new();
    let stop = drain.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    serve(listener, api, ServeOptions::default(), &Workers::start(2)?, drain).await;
    Ok(())
}
