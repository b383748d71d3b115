//! `/health`, `/version` and `/metrics`.

use std::collections::BTreeSet;

use etcd_it::{cluster, is_go_3_4, runtime, start};
use serde_json::Value;

use crate::load::put_many;

/// Families that dashboards and alerts read, on every member.
const FAMILIES: &[&str] = &[
    "etcd_cluster_version",
    "etcd_debugging_mvcc_compact_revision",
    "etcd_debugging_mvcc_current_revision",
    "etcd_debugging_mvcc_keys_total",
    "etcd_disk_backend_commit_duration_seconds",
    "etcd_disk_wal_fsync_duration_seconds",
    "etcd_mvcc_db_total_size_in_bytes",
    "etcd_mvcc_db_total_size_in_use_in_bytes",
    "etcd_mvcc_delete_total",
    "etcd_mvcc_put_total",
    "etcd_mvcc_range_total",
    "etcd_mvcc_txn_total",
    "etcd_network_active_peers",
    "etcd_network_peer_received_bytes_total",
    "etcd_network_peer_sent_bytes_total",
    "etcd_server_has_leader",
    "etcd_server_heartbeat_send_failures_total",
    "etcd_server_id",
    "etcd_server_is_leader",
    "etcd_server_leader_changes_seen_total",
    "etcd_server_proposals_applied_total",
    "etcd_server_proposals_committed_total",
    "etcd_server_proposals_failed_total",
    "etcd_server_proposals_pending",
    "etcd_server_slow_read_indexes_total",
    "etcd_server_version",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
];

fn get(url: &str) -> (u16, String) {
    let mut answer = ureq::get(url).config().http_status_as_error(false).build().call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn metric_families() {
    let mut cluster = start(cluster(3));
    put_many(&runtime(), &cluster.client_urls(), "k", 9, 10);
    cluster.equal_hashes(&runtime());
    for index in 0..3 {
        cluster
            .wait("the cluster's version to be known", |members| {
                let version = members[index].probe().version().map_err(|error| error.to_string())?;
                if version.cluster == "not_decided" { Err(version.cluster) } else { Ok(()) }
            })
            .unwrap();
        let metrics = cluster.member(index).probe().metrics().unwrap();
        let families: BTreeSet<&str> = metrics
            .text()
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split(['{', ' ']).next())
            .flat_map(|name| [name, name.strip_suffix("_bucket").unwrap_or(name)])
            .collect();
        let missing: Vec<_> = FAMILIES.iter().filter(|family| !families.contains(**family)).collect();
        assert!(missing.is_empty(), "missing: {missing:?}; there are {families:?}");
        for line in metrics.text().lines().filter(|line| line.starts_with("# TYPE ")) {
            assert!(line.split(' ').count() == 4, "{line}");
        }
        let is = |name: &str, value: f64| assert_eq!(metrics.value(name), Some(value), "{name}");
        is("etcd_debugging_mvcc_current_revision", 10.0);
        is("etcd_debugging_mvcc_keys_total", 9.0);
        is("etcd_server_has_leader", 1.0);
        is("etcd_server_id", 1.0);
        assert!(metrics.sum("etcd_mvcc_put_total") >= 9.0);
        assert!(metrics.sum("etcd_server_proposals_applied_total") >= 9.0);
        assert!(metrics.sum("etcd_disk_wal_fsync_duration_seconds_count") >= 1.0);
        let memory = metrics.value("process_resident_memory_bytes").unwrap();
        assert!(memory > 1e6 && memory < 1e10, "{memory}");
    }
}

#[test]
fn health_and_version() {
    let mut cluster = start(cluster(3));
    for index in 0..3 {
        cluster.wait_for_health(index).unwrap();
    }
    for url in cluster.client_urls() {
        let (status, body) = get(&format!("{url}/health"));
        let json: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &json["health"]), (200, &Value::from("true")), "{body}");
        let (status, body) = get(&format!("{url}/version"));
        let json: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200);
        let level = if is_go_3_4() { "3.4." } else { "3.7." };
        assert!(json["etcdserver"].as_str().is_some_and(|version| version.starts_with(level)), "{body}");
        assert_eq!(get(&format!("{url}/nothing")).0, 404);
    }
    for member in cluster.members() {
        let (status, body) = get(&format!("{}/version", member.spec().peer_url()));
        assert!(status == 200 && body.contains("\"etcdcluster\""), "the peer port tells too: {body}");
    }

    cluster.kill(0).unwrap();
    cluster.kill(1).unwrap();
    let url = cluster.client_urls().remove(2);
    cluster
        .wait("the last member to be unhealthy", |_| match get(&format!("{url}/health")) {
            (503, body) if body.contains(r#""health":"false""#) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .unwrap();
}
