//! The servers that are compared; each answers every read with one key of 300 bytes.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use etcd_api::metrics::Metrics;
use etcd_api::{Api, Options, ServeOptions, Workers, serve as serve_api};
use etcd_proto::etcdserverpb::RangeResponse;
use etcd_proto::mvccpb::KeyValue;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[path = "generated.rs"]
mod generated;
#[path = "replica.rs"]
mod replica;

/// One worker thread, two of them, a multi-threaded runtime, and tonic's generated server on the last.
pub(crate) const KINDS: [&str; 4] = ["1 worker", "2 workers", "multi-thread", "generated"];

/// Serves until it is killed; prints its address first.
pub(crate) fn serve(kind: &str) -> Result<(), Box<dyn Error>> {
    let workers = match kind {
        "1 worker" => Workers::start(1)?,
        "2 workers" => Workers::start(2)?,
        _ => Workers::default(),
    };
    let generated = kind == "generated";
    let mut runtime = match kind {
        "multi-thread" | "generated" => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    runtime.enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        println!("{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        if generated {
            return generated::serve(listener).await;
        }
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let api = Api::new(replica::Fixed, Options::default(), metrics, Arc::new(registry));
        serve_api(listener, api, ServeOptions::default(), &workers, CancellationToken::new()).await;
        Ok(())
    })
}

fn answer() -> RangeResponse {
    let kv = KeyValue {
        key: Bytes::from_static(b"benchmark/key"),
        value: Bytes::from_static(&[b'v'; 300]),
        create_revision: 2,
        mod_revision: 2,
        version: 1,
        lease: 0,
    };
    RangeResponse { header: None, kvs: vec![kv], more: false, count: 1 }
}
