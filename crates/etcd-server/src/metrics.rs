//! What Raft, the log, the key space and the database count, under etcd's names, read at each scrape.

mod cluster;
mod leases;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etcd_apply::AuthState;
use etcd_consensus::{FSYNC_BOUNDS_MS, Raft};
use etcd_mvcc::Store;
use etcd_storage::{COMMIT_BOUNDS_MS, DEFRAGMENT_BOUNDS_MS, SNAPSHOT_BOUNDS_MS, Storage};
use etcd_watch::Hub;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::slow_apply::SlowApply;

pub(crate) use cluster::register_cluster;
pub(crate) use leases::register_leases;

/// Adds the member's inner parts to what `/metrics` shows.
pub(crate) fn register(
    registry: &mut Registry,
    raft: Raft,
    store: Store,
    storage: Storage,
    users: AuthState,
    slow_apply: Arc<SlowApply>,
) {
    registry.register_collector(Box::new(Parts { raft, store, storage, users, slow_apply }));
}

/// Adds what is known of watchers.
pub(crate) fn register_watch(registry: &mut Registry, hub: Hub) {
    registry.register_collector(Box::new(Watches(hub)));
}

struct Watches(Hub);

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watches")
    }
}

impl Collector for Watches {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.stats();
        for (name, help, value) in [
            ("etcd_debugging_mvcc_watch_stream_total", "Watch streams", stats.streams),
            ("etcd_debugging_mvcc_watcher_total", "Watchers", stats.watchers),
            ("etcd_debugging_mvcc_slow_watcher_total", "Watchers that are behind", stats.slow_watchers),
            ("etcd_debugging_mvcc_pending_events_total", "Events that wait to be sent", stats.pending_events),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)?;
        }
        Ok(())
    }
}

struct Parts {
    raft: Raft,
    store: Store,
    storage: Storage,
    users: AuthState,
    slow_apply: Arc<SlowApply>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

impl Collector for Parts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.counters(&mut encoder)?;
        self.gauges(&mut encoder)?;
        self.histograms(&mut encoder)
    }
}

impl Parts {
    fn counters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let raft = self.raft.metrics();
        let stats = self.store.stats();
        let counters = [
            (
                "etcd_server_leader_changes_seen",
                "Changes of leader that this member has seen",
                raft.leader_changes.get(),
            ),
            ("etcd_server_slow_apply", "Entries that took long to apply", self.slow_apply.count()),
            ("etcd_server_proposals_failed", "Proposals that were dropped", raft.proposals_failed.get()),
            (
                "etcd_server_slow_read_indexes",
                "Read barriers that had to ask again",
                raft.slow_read_indexes.get(),
            ),
            (
                "etcd_server_read_indexes_failed",
                "Read barriers that readers gave up on",
                raft.read_indexes_failed.get(),
            ),
            (
                "etcd_server_heartbeat_send_failures",
                "Heartbeats that left late",
                raft.heartbeat_send_failures.get(),
            ),
            ("etcd_mvcc_range", "Ranges read", stats.ranges),
            ("etcd_mvcc_put", "Keys put", stats.puts),
            ("etcd_mvcc_delete", "Keys deleted", stats.deletes),
            ("etcd_mvcc_txn", "Transactions with more than one change", stats.txns),
            ("etcd_debugging_mvcc_range", "Ranges read; an older name", stats.ranges),
            ("etcd_debugging_mvcc_put", "Keys put; an older name", stats.puts),
            ("etcd_debugging_mvcc_delete", "Keys deleted; an older name", stats.deletes),
            ("etcd_debugging_mvcc_txn", "Transactions with more than one change; an older name", stats.txns),
            ("etcd_debugging_mvcc_events", "Events committed", stats.events),
            ("etcd_debugging_mvcc_db_compaction_keys", "Rows removed by compaction", stats.compacted),
        ];
        for (name, help, value) in counters {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        Ok(())
    }

    fn gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.store.stats();
        let gauges = [
            (
                "etcd_server_proposals_pending",
                "Proposals that wait for the raft thread",
                self.raft.queued_proposals() as u64,
            ),
            (
                "etcd_disk_wal_write_bytes_total",
                "Bytes written to the log",
                self.raft.metrics().written_bytes.get(),
            ),
            ("etcd_debugging_mvcc_keys_total", "Keys that live", stats.keys),
            (
                "etcd_debugging_mvcc_total_put_size_in_bytes",
                "Bytes of the keys and values put",
                stats.put_bytes,
            ),
            (
                "etcd_debugging_mvcc_compact_revision",
                "The revision of the last compaction",
                u64::try_from(self.store.compact_revision()).unwrap_or_default(),
            ),
            ("etcd_debugging_auth_revision", "The revision of users and roles", self.users.revision()),
            (
                "etcd_disk_backend_durable_index",
                "The raft index that the database holds durably",
                self.storage.durable_mark(),
            ),
            (
                "etcd_disk_defrag_inflight",
                "Whether or not a defragmentation runs",
                u64::from(self.storage.is_defragmenting()),
            ),
        ];
        for (name, help, value) in gauges {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(metric)?;
        }
        Ok(())
    }

    fn histograms(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let fsync = &self.raft.metrics().fsync;
        let name = "etcd_disk_wal_fsync_duration_seconds";
        histogram(
            encoder,
            name,
            "How long syncs of the log take",
            &FSYNC_BOUNDS_MS,
            &fsync.counts(),
            fsync.sum(),
        )?;
        let write = &self.raft.metrics().write;
        let name = "etcd_disk_wal_write_duration_seconds";
        histogram(
            encoder,
            name,
            "How long writes to the log take, without the sync",
            &FSYNC_BOUNDS_MS,
            &write.counts(),
            write.sum(),
        )?;
        self.slow_apply.encode(encoder)?;
        let (counts, sum) = self.storage.commit_times();
        let name = "etcd_disk_backend_commit_duration_seconds";
        histogram(encoder, name, "How long commits of the database take", &COMMIT_BOUNDS_MS, &counts, sum)?;
        let (counts, sum) = self.storage.defragment_times();
        let name = "etcd_disk_backend_defrag_duration_seconds";
        histogram(encoder, name, "How long defragmentations take", &DEFRAGMENT_BOUNDS_MS, &counts, sum)?;
        let (counts, sum) = self.storage.snapshot_times();
        let name = "etcd_disk_backend_snapshot_duration_seconds";
        histogram(encoder, name, "How long snapshots take to be sent", &SNAPSHOT_BOUNDS_MS, &counts, sum)
    }
}

/// `counts` has one bucket more than there are bounds.
fn histogram(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    bounds_ms: &[u64],
    counts: &[u64],
    sum: Duration,
) -> fmt::Result {
    let bounds = bounds_ms.iter().map(|ms| *ms as f64 / 1000.0).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(counts.iter().copied()).collect();
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    metric.encode_histogram::<NoLabelSet>(sum.as_secs_f64(), counts.iter().sum(), &buckets, None)
}
