//! Members, alarms, features and ranges, under etcd's names.

use std::fmt;

use etcd_api::Replica as _;
use etcd_api::metrics::Times;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::adapters::ServerReplica;

/// Name, stage and whether it is on, of a feature.
pub(crate) type Gate = (&'static str, &'static str, bool);

/// Adds what this member knows of its cluster to what `/metrics` shows.
pub(crate) fn register_cluster(registry: &mut Registry, replica: ServerReplica, gates: Vec<Gate>) {
    registry.register_collector(Box::new(Cluster { replica, gates }));
}

struct Cluster {
    replica: ServerReplica,
    gates: Vec<Gate>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cluster")
    }
}

impl Collector for Cluster {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let local = self.replica.standing().member_id.to_string();
        let members = self.replica.members();
        let known =
            members.iter().map(|member| (("Local", local.clone()), ("Remote", member.id.to_string()), 1));
        ones(&mut encoder, "etcd_network_known_peers", "The current number of known peers", known)?;
        let alarms = self.replica.alarms();
        let raised = alarms.iter().map(|alarm| {
            let id = etcd_membership::MemberId::new(alarm.member_id).to_string();
            (("server_id", id), ("alarm_type", alarm.alarm().as_str_name().to_owned()), 1)
        });
        ones(&mut encoder, "etcd_debugging_server_alarms", "Raised alarms, by member and type", raised)?;
        let gates = self.gates.iter().map(|(name, stage, is_on)| {
            (("name", (*name).to_owned()), ("stage", (*stage).to_owned()), i64::from(*is_on))
        });
        let help = "Whether or not a feature is enabled. 1 is enabled, 0 is not";
        ones(&mut encoder, "etcd_server_feature_enabled", help, gates)?;
        let [failed, succeeded] = self.replica.range_times();
        let family = [([("success", "false")], failed), ([("success", "true")], succeeded)];
        let seen = family.into_iter().filter(|(_, times)| times.count() > 0);
        let help = "The latency distributions of reading ranges";
        Times::encode_family(&mut encoder, "etcd_server_range_duration_seconds", help, seen)
    }
}

type Label = (&'static str, String);

/// A family of gauges, left out when there is none.
fn ones(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (Label, Label, i64)>,
) -> fmt::Result {
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (first, second, value) in samples {
        let labels = [first, second];
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
