//! What operators see of the traffic, under etcd's names.
//!
//! # Source
//! etcd `server/etcdserver/api/rafthttp/metrics.go`.

use std::fmt;

use etcd_membership::MemberId;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the field names are the label names")]
struct To {
    To: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the field names are the label names")]
struct From {
    From: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
#[expect(non_snake_case, reason = "the field names are the label names")]
struct Pair {
    Local: String,
    Remote: String,
}

/// A counter whose name does not end in `_total`: the exposition format adds that to every counter, but these are
/// known without it.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlainCounter(Counter);

impl PlainCounter {
    pub(crate) fn inc(&self) {
        self.0.inc();
    }
}

impl TypedMetric for PlainCounter {
    const TYPE: MetricType = MetricType::Counter;
}

impl EncodeMetric for PlainCounter {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.encode_gauge(&i64::try_from(self.0.get()).unwrap_or(i64::MAX))
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

type Histograms<S> = Family<S, Histogram, fn() -> Histogram>;

fn snapshot_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.1, 2.0, 10))
}

fn round_trip_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 16))
}

/// All families; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    active_peers: Family<Pair, Gauge>,
    known_peers: Family<Pair, Gauge>,
    disconnected_peers: Family<Pair, Counter>,
    sent_bytes: Family<To, Counter>,
    sent_failures: Family<To, Counter>,
    received_bytes: Family<From, Counter>,
    received_failures: Family<From, Counter>,
    round_trip: Histograms<To>,
    snapshot_send: Family<To, PlainCounter>,
    snapshot_send_failures: Family<To, PlainCounter>,
    snapshot_sending: Family<To, Gauge>,
    snapshot_send_seconds: Histograms<To>,
    snapshot_receive: Family<From, PlainCounter>,
    snapshot_receive_failures: Family<From, PlainCounter>,
    snapshot_receiving: Family<From, Gauge>,
    snapshot_receive_seconds: Histograms<From>,
}

/// The metrics of one peer, looked up once.
#[derive(Debug, Clone)]
pub(crate) struct PeerMetrics {
    pub(crate) active: Gauge,
    pub(crate) known: Gauge,
    pub(crate) disconnected: Counter,
    pub(crate) sent_bytes: Counter,
    pub(crate) sent_failures: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) received_failures: Counter,
    pub(crate) round_trip: Histogram,
}

/// The metrics of snapshots in one direction with one peer.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotMetrics {
    pub(crate) success: PlainCounter,
    pub(crate) failures: PlainCounter,
    pub(crate) inflight: Gauge,
    pub(crate) seconds: Histogram,
    pub(crate) bytes: Counter,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            active_peers: Family::default(),
            known_peers: Family::default(),
            disconnected_peers: Family::default(),
            sent_bytes: Family::default(),
            sent_failures: Family::default(),
            received_bytes: Family::default(),
            received_failures: Family::default(),
            round_trip: Family::new_with_constructor(round_trip_seconds),
            snapshot_send: Family::default(),
            snapshot_send_failures: Family::default(),
            snapshot_sending: Family::default(),
            snapshot_send_seconds: Family::new_with_constructor(snapshot_seconds),
            snapshot_receive: Family::default(),
            snapshot_receive_failures: Family::default(),
            snapshot_receiving: Family::default(),
            snapshot_receive_seconds: Family::new_with_constructor(snapshot_seconds),
        };
        metrics.register_traffic(registry);
        metrics.register_snapshots(registry);
        metrics
    }

    /// Counters get their `_total` from the encoder.
    fn register_traffic(&self, registry: &mut Registry) {
        registry.register(
            "etcd_network_active_peers",
            "Peers with a working connection",
            self.active_peers.clone(),
        );
        registry.register(
            "etcd_network_known_peers",
            "Peers that the member knows",
            self.known_peers.clone(),
        );
        registry.register(
            "etcd_network_disconnected_peers",
            "Times that the connection to a peer was lost",
            self.disconnected_peers.clone(),
        );
        registry.register("etcd_network_peer_sent_bytes", "Bytes sent to peers", self.sent_bytes.clone());
        registry.register(
            "etcd_network_peer_sent_failures",
            "Messages that could not be sent to peers",
            self.sent_failures.clone(),
        );
        registry.register(
            "etcd_network_peer_received_bytes",
            "Bytes received from peers",
            self.received_bytes.clone(),
        );
        registry.register(
            "etcd_network_peer_received_failures",
            "Messages from peers that could not be taken",
            self.received_failures.clone(),
        );
        registry.register(
            "etcd_network_peer_round_trip_time_seconds",
            "Round-trip time to peers",
            self.round_trip.clone(),
        );
    }

    fn register_snapshots(&self, registry: &mut Registry) {
        registry.register("etcd_network_snapshot_send_success", "Snapshots sent", self.snapshot_send.clone());
        registry.register(
            "etcd_network_snapshot_send_failures",
            "Snapshots that could not be sent",
            self.snapshot_send_failures.clone(),
        );
        registry.register(
            "etcd_network_snapshot_send_inflights_total",
            "Snapshots being sent",
            self.snapshot_sending.clone(),
        );
        registry.register(
            "etcd_network_snapshot_send_total_duration_seconds",
            "Time that sending a snapshot took",
            self.snapshot_send_seconds.clone(),
        );
        registry.register(
            "etcd_network_snapshot_receive_success",
            "Snapshots received",
            self.snapshot_receive.clone(),
        );
        registry.register(
            "etcd_network_snapshot_receive_failures",
            "Snapshots that could not be received",
            self.snapshot_receive_failures.clone(),
        );
        registry.register(
            "etcd_network_snapshot_receive_inflights_total",
            "Snapshots being received",
            self.snapshot_receiving.clone(),
        );
        registry.register(
            "etcd_network_snapshot_receive_total_duration_seconds",
            "Time that receiving a snapshot took",
            self.snapshot_receive_seconds.clone(),
        );
    }

    pub(crate) fn peer(&self, local: MemberId, remote: MemberId) -> PeerMetrics {
        let pair = Pair { Local: local.to_string(), Remote: remote.to_string() };
        let (to, from) = (To { To: remote.to_string() }, From { From: remote.to_string() });
        PeerMetrics {
            active: self.active_peers.get_or_create_owned(&pair),
            known: self.known_peers.get_or_create_owned(&pair),
            disconnected: self.disconnected_peers.get_or_create_owned(&pair),
            sent_bytes: self.sent_bytes.get_or_create_owned(&to),
            sent_failures: self.sent_failures.get_or_create_owned(&to),
            received_bytes: self.received_bytes.get_or_create_owned(&from),
            received_failures: self.received_failures.get_or_create_owned(&from),
            round_trip: self.round_trip.get_or_create_owned(&to),
        }
    }

    /// `remote` must be a member, or `None`: whoever can connect must not be able to invent labels.
    pub(crate) fn received_failure(&self, remote: Option<MemberId>) {
        self.received_failures.get_or_create(&label(remote)).inc();
    }

    pub(crate) fn sent_snapshot(&self, remote: MemberId) -> SnapshotMetrics {
        let to = To { To: remote.to_string() };
        SnapshotMetrics {
            success: self.snapshot_send.get_or_create_owned(&to),
            failures: self.snapshot_send_failures.get_or_create_owned(&to),
            inflight: self.snapshot_sending.get_or_create_owned(&to),
            seconds: self.snapshot_send_seconds.get_or_create_owned(&to),
            bytes: self.sent_bytes.get_or_create_owned(&to),
        }
    }

    pub(crate) fn received_snapshot(&self, remote: Option<MemberId>) -> SnapshotMetrics {
        let from = label(remote);
        SnapshotMetrics {
            success: self.snapshot_receive.get_or_create_owned(&from),
            failures: self.snapshot_receive_failures.get_or_create_owned(&from),
            inflight: self.snapshot_receiving.get_or_create_owned(&from),
            seconds: self.snapshot_receive_seconds.get_or_create_owned(&from),
            bytes: self.received_bytes.get_or_create_owned(&from),
        }
    }
}

fn label(remote: Option<MemberId>) -> From {
    From { From: remote.map_or_else(|| "unknown".to_owned(), |id| id.to_string()) }
}

#[cfg(test)]
mod tests;
