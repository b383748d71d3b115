//! Counters of the v2 API, under etcd's names.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use etcd_v2store::Counts;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::V2;
use crate::metrics::Times;

type Labels = Vec<(&'static str, String)>;

/// Requests on `/v2/keys` that are no waits. A cheap handle.
#[derive(Debug, Clone)]
pub struct Requests(Arc<Families>);

#[derive(Debug)]
struct Families {
    received: Family<Labels, Counter>,
    failed: Family<Labels, Counter>,
    successful: Arc<Successful>,
}

/// What requests are called when they are counted.
const METHODS: [&str; 6] = ["GET", "HEAD", "QGET", "PUT", "POST", "DELETE"];

/// Upper ends in microseconds: 0.5 ms, doubled twelve times.
const BOUNDS: [u64; 13] =
    [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_024_000, 2_048_000];

/// How long requests take that succeed, by method.
#[derive(Debug)]
struct Successful([Times; METHODS.len()]);

impl Collector for Successful {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all = METHODS.into_iter().zip(&self.0).filter(|(_, times)| times.count() > 0);
        let family = all.map(|(method, times)| ([("method", method)], times));
        let help = "Bucketed histogram of processing time (s) of successfully handled requests (non-watches), by \
                    method (GET/PUT etc.)";
        Times::encode_family(&mut encoder, "etcd_http_successful_duration_seconds", help, family)
    }
}

/// Registers `etcd_http_received_total`, `_failed_total`, `_successful_duration_seconds`, and what the store counts:
/// `etcd_debugging_store_*`.
pub fn register<V: V2>(registry: &mut Registry, keys: V) -> Requests {
    let families = Families {
        received: Family::default(),
        failed: Family::default(),
        successful: Arc::new(Successful(METHODS.map(|_| Times::new(&BOUNDS)))),
    };
    registry.register(
        "etcd_http_received",
        "Counter of requests received into the system (successfully parsed and authd)",
        families.received.clone(),
    );
    registry.register(
        "etcd_http_failed",
        "Counter of handle failures of requests (non-watches), by method (GET/PUT etc.) and code (400, 500 etc.)",
        families.failed.clone(),
    );
    registry.register_collector(Box::new(Arc::clone(&families.successful)));
    registry.register_collector(Box::new(Store(keys)));
    Requests(Arc::new(families))
}

impl Requests {
    /// Counts a request; an empty method counts nothing.
    pub(super) fn start(&self, method: &str) -> Started<'_> {
        if !method.is_empty() {
            self.0.received.get_or_create(&of(method)).inc();
        }
        Started { requests: self, method: method.to_owned(), began: Instant::now() }
    }
}

/// A request in progress.
pub(super) struct Started<'a> {
    requests: &'a Requests,
    method: String,
    began: Instant,
}

impl Started<'_> {
    /// How it ended: with an HTTP status if it failed.
    pub(super) fn done(self, failure: Option<u16>) {
        let families = &self.requests.0;
        match failure {
            None => {
                if let Some(at) = METHODS.iter().position(|method| *method == self.method) {
                    families.successful.0[at].observe(self.began.elapsed());
                }
            }
            Some(status) => {
                let labels = vec![("method", self.method), ("code", status.to_string())];
                families.failed.get_or_create(&labels).inc();
            }
        }
    }
}

fn of(method: &str) -> Labels {
    vec![("method", method.to_owned())]
}

/// What the store counts, read at each scrape.
struct Store<V>(V);

impl<V> fmt::Debug for Store<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl<V: V2> Collector for Store<V> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (stats, watchers) = self.0.counters();
        let reads = stats.reads();
        let writes: Vec<Counts> = stats.writes().collect();
        let all = |counts: &Counts| counts.success + counts.failure;
        let failed = |counts: &Counts| counts.failure;
        by_action(&mut encoder, "reads", "Total number of reads, local to this member", &reads, all)?;
        by_action(&mut encoder, "reads_failed", "Failed reads, local to this member", &reads, failed)?;
        by_action(&mut encoder, "writes", "Total number of writes seen by this member", &writes, all)?;
        by_action(&mut encoder, "writes_failed", "Failed writes seen by this member", &writes, failed)?;
        for (name, help, count) in [
            ("expires", "Total number of expired keys", stats.expired()),
            ("watch_requests", "Total number of incoming watch requests", stats.watch_requests()),
        ] {
            let name = format!("etcd_debugging_store_{name}");
            let metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            ConstCounter::new(count).encode(metric)?;
        }
        let help = "Count of currently active watchers";
        let name = "etcd_debugging_store_watchers";
        let watchers = i64::try_from(watchers).unwrap_or(i64::MAX);
        ConstGauge::new(watchers).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }
}

fn by_action(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    actions: &[Counts],
    count: impl Fn(&Counts) -> u64,
) -> Result<(), fmt::Error> {
    let name = format!("etcd_debugging_store_{name}");
    let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
    for counts in actions {
        let labels = [("action", counts.action)];
        ConstCounter::new(count(counts)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
