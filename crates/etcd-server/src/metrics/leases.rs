//! What is counted about leases, under etcd's names.

use std::fmt;

use etcd_apply::TTL_BOUNDS;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;

use crate::adapters::ServerReplica;

/// Adds leases to what `/metrics` shows.
pub(crate) fn register_leases(registry: &mut Registry, replica: ServerReplica) {
    registry.register_collector(Box::new(Leases(replica)));
}

struct Leases(ServerReplica);

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Leases")
    }
}

impl Collector for Leases {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let leases = self.0.leases();
        let stats = leases.book().stats();
        let counters = [
            ("etcd_debugging_lease_granted", "The total number of granted leases", stats.granted),
            ("etcd_debugging_lease_revoked", "The total number of revoked leases", stats.revoked),
            (
                "etcd_debugging_lease_renewed",
                "The number of renewed leases seen by the leader",
                stats.renewed,
            ),
            ("etcd_debugging_server_lease_expired", "The total number of expired leases", leases.expired()),
        ];
        for (name, help, value) in counters {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        let bounds = TTL_BOUNDS.iter().map(|bound| *bound as f64).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(stats.ttls).collect();
        let name = "etcd_debugging_lease_ttl_total";
        let help = "Bucketed histogram of lease TTLs";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(stats.ttl_sum as f64, stats.granted, &buckets, None)
    }
}
