//! What the member's standing and status say, as gauges read at each scrape.

use std::fmt;

use etcd_proto::etcdserverpb::AlarmType;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::Replica;

/// Registers what a [`Replica`] tells about itself: `etcd_server_has_leader`, `_is_leader`, `_is_learner`,
/// `_proposals_committed_total`, `_proposals_applied_total`, `_quota_backend_bytes`, `_version`, `_id`,
/// `etcd_cluster_version`, `etcd_mvcc_db_total_size_in_bytes`, `_in_use_in_bytes` and
/// `etcd_debugging_mvcc_current_revision` and `etcd_debugging_server_alarms`; all gauges, as in etcd.
pub fn register_member<R: Replica>(registry: &mut Registry, replica: R) {
    registry.register_collector(Box::new(Member(replica)));
}

struct Member<R>(R);

impl<R> fmt::Debug for Member<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Member")
    }
}

impl<R: Replica> Collector for Member<R> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let standing = self.0.standing();
        let status = self.0.status();
        let is_leader = standing.leader == standing.member_id.get();
        let gauges = [
            ("etcd_server_has_leader", "Whether or not a leader exists", i64::from(standing.leader != 0)),
            ("etcd_server_is_leader", "Whether or not this member is the leader", i64::from(is_leader)),
            (
                "etcd_server_is_learner",
                "Whether or not this member is a learner",
                i64::from(standing.is_learner),
            ),
            ("etcd_server_proposals_committed_total", "The committed Raft index", status.index as i64),
            ("etcd_server_proposals_applied_total", "The applied Raft index", status.applied_index as i64),
            ("etcd_server_quota_backend_bytes", "The storage quota in bytes", status.quota.max(0)),
            ("etcd_mvcc_db_total_size_in_bytes", "The size of the database file in bytes", status.db_size),
            (
                "etcd_debugging_mvcc_db_total_size_in_bytes",
                "The size of the database file in bytes; an older name",
                status.db_size,
            ),
            ("etcd_mvcc_db_total_size_in_use_in_bytes", "The bytes of the database in use", status.db_in_use),
            ("etcd_debugging_mvcc_current_revision", "The current revision of the store", standing.revision),
        ];
        for (name, help, value) in gauges {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)?;
        }
        self.alarms(&mut encoder, standing.member_id.get())?;
        let cluster = status.cluster_version.unwrap_or_default();
        let named = [
            ("etcd_server_version", "The running version", "server_version", status.version),
            ("etcd_cluster_version", "The version of the cluster", "cluster_version", cluster),
            ("etcd_server_id", "The member's id in hexadecimal", "server_id", standing.member_id.to_string()),
        ];
        for (name, help, label, value) in named.into_iter().filter(|(_, _, _, value)| !value.is_empty()) {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(1_i64).encode(family.encode_family(&[(label, value)])?)?;
        }
        Ok(())
    }
}

impl<R: Replica> Member<R> {
    /// One for each alarm that is raised for this member.
    fn alarms(&self, encoder: &mut DescriptorEncoder<'_>, id: u64) -> Result<(), fmt::Error> {
        let raised: Vec<i32> =
            self.0.alarms().iter().filter(|alarm| alarm.member_id == id).map(|alarm| alarm.alarm).collect();
        if raised.is_empty() {
            return Ok(());
        }
        let (name, help) = ("etcd_debugging_server_alarms", "Alarms of this member that are raised");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for kind in raised {
            let kind = AlarmType::try_from(kind).map_or("UNKNOWN", |kind| kind.as_str_name());
            // etcd names the member in decimal here.
            let labels = [("server_id", id.to_string()), ("alarm_type", kind.to_owned())];
            ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
