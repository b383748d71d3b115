//! The load: many calls in flight on each of many connections.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use etcd_proto::etcdserverpb::RangeRequest;
use etcd_proto::etcdserverpb::kv_client::KvClient;
use tonic::transport::Channel;

pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) seconds: u64,
}

pub(crate) struct Seen {
    pub(crate) calls: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

pub(crate) fn run(address: SocketAddr, load: &Load) -> Result<Seen, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut micros = runtime.block_on(all(address, load))?;
    micros.sort_unstable();
    let at = |share: f64| f64::from(micros[((micros.len() - 1) as f64 * share) as usize]) / 1000.0;
    Ok(Seen { calls: micros.len(), p50_ms: at(0.50), p99_ms: at(0.99) })
}

/// The latency of every call, in microseconds.
async fn all(address: SocketAddr, load: &Load) -> Result<Vec<u32>, Box<dyn Error>> {
    let mut callers = tokio::task::JoinSet::new();
    let end = Instant::now() + Duration::from_secs(load.seconds);
    for _ in 0..load.connections {
        let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
        for _ in 0..load.in_flight {
            callers.spawn(one(channel.clone(), end));
        }
    }
    let mut micros = Vec::new();
    while let Some(caller) = callers.join_next().await {
        micros.extend(caller??);
    }
    Ok(micros)
}

async fn one(channel: Channel, end: Instant) -> Result<Vec<u32>, tonic::Status> {
    let mut kv = KvClient::new(channel);
    let request = RangeRequest { key: "benchmark/key".into(), serializable: true, ..RangeRequest::default() };
    let mut micros = Vec::new();
    while Instant::now() < end {
        let started = Instant::now();
        kv.range(request.clone()).await?;
        micros.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(micros)
}
