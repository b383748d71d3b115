//! `/metrics` beside that of a real etcd 3.4: equal names, kinds, labels and buckets.

use std::collections::{BTreeMap, BTreeSet};

use etcd_it::{Ctl, DEADLINE, foreign, is_go_3_4, runtime};
use etcd_proto::etcdserverpb::alarm_request::AlarmAction;
use etcd_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcd_proto::etcdserverpb::{AlarmRequest, AlarmType};
use etcd_testkit::wait_until;

use crate::lone::Lone;

/// What etcd 3.4 shows and this server does not have, and why: by the beginning of the name.
const MISSING: &[(&str, &str)] = &[
    ("go_", "there is no Go runtime"),
    ("etcd_server_go_version", "there is no Go runtime"),
    ("etcd_grpc_proxy_", "there is no proxy"),
    ("etcd_debugging_disk_backend_commit_", "redb's commit has no such phases"),
    ("etcd_debugging_snap_save_", "there are no snapshot files"),
    ("etcd_snap_", "there are no snapshot files"),
    ("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds", "not measured yet"),
    ("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds", "not measured yet"),
    ("etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds", "not measured yet"),
    ("etcd_mvcc_db_open_read_transactions", "not counted yet"),
    ("etcd_mvcc_hash_duration_seconds", "not measured yet"),
    ("etcd_mvcc_hash_rev_duration_seconds", "not measured yet"),
    ("etcd_server_learner_promote_successes", "members are not promoted yet"),
    ("etcd_server_snapshot_apply_in_progress_total", "not counted yet"),
];

/// What etcd got after 3.4: name, kind, labels, and first bound of a histogram.
const LATER: &[(&str, &str, &[&str], &str)] = &[
    ("etcd_disk_wal_write_duration_seconds", "histogram", &[], "0.001"),
    ("etcd_server_apply_duration_seconds", "histogram", &["op", "success", "version"], "0.0001"),
    ("etcd_server_range_duration_seconds", "histogram", &["success"], "0.0001"),
    ("etcd_server_request_duration_seconds", "histogram", &["success", "type"], "0.001"),
    ("etcd_server_feature_enabled", "gauge", &["name", "stage"], ""),
    ("etcd_debugging_server_alarms", "gauge", &["alarm_type", "server_id"], ""),
    ("etcd_network_known_peers", "gauge", &["Local", "Remote"], ""),
    ("etcd_debugging_server_watch_send_loop_watch_stream_duration_seconds", "histogram", &[], "0.001"),
    (
        "etcd_debugging_server_watch_send_loop_watch_stream_duration_per_event_seconds",
        "histogram",
        &[],
        "0.001",
    ),
    ("etcd_debugging_server_watch_send_loop_control_stream_duration_seconds", "histogram", &[], "0.001"),
    ("etcd_debugging_server_watch_send_loop_progress_duration_seconds", "histogram", &[], "0.001"),
];

/// Samples after one put, one read and one event.
const COUNTED: &[&str] = &[
    r#"etcd_server_apply_duration_seconds_count{version="v3",op="Put",success="true"} 1"#,
    r#"etcd_server_request_duration_seconds_count{type="Put",success="true"} 1"#,
    r#"etcd_server_request_duration_seconds_count{type="Range",success="true"} 1"#,
    r#"etcd_server_feature_enabled{name="FastLeaseKeepAlive",stage="BETA"} 1"#,
    r#"etcd_server_feature_enabled{name="LeaseCheckpoint",stage="ALPHA"} 0"#,
    r#"etcd_debugging_server_alarms{server_id="7",alarm_type="NOSPACE"} 1"#,
    "etcd_debugging_server_watch_send_loop_watch_stream_duration_seconds_count 1",
];

/// Of one family: its kind, the names of its labels, and its bounds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
    bounds: BTreeSet<String>,
}

#[test]
fn families_are_those_of_a_real_etcd() {
    if is_go_3_4() {
        return;
    }
    let Some(program) = foreign("etcd") else { return };
    let (ours, theirs) = (Lone::new(), Lone::new());
    let _our_server = ours.start();
    let _their_server = theirs.start_program(&program);
    for lone in [&ours, &theirs] {
        let Some(ctl) = Ctl::new(&[lone.spec.client_url()]) else { return };
        let _said = ctl.ok(&["put", "a", "b"]);
        let _said = ctl.ok(&["endpoint", "health"]);
    }
    let ours = families(ours.probe().metrics().unwrap().text());
    let theirs = families(theirs.probe().metrics().unwrap().text());
    let mut wrong = Vec::new();
    for (name, expected) in &theirs {
        match ours.get(name) {
            Some(found) if found == expected => {}
            Some(found) => wrong.push(format!("{name}: {found:?} instead of {expected:?}")),
            None if MISSING.iter().any(|(prefix, _)| name.starts_with(prefix)) => {}
            None => wrong.push(format!("{name} is missing")),
        }
    }
    for (prefix, why) in MISSING {
        if ours.keys().any(|name| name.starts_with(prefix)) {
            wrong.push(format!("{prefix} is not missing any more ({why})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn families_of_later_versions() {
    if is_go_3_4() {
        return;
    }
    let lone = Lone::new();
    let _server = lone.start();
    let Some(ctl) = Ctl::new(&[lone.spec.client_url()]) else { return };
    let mut watch = ctl.spawn(&["watch", "a", "--rev=1"]);
    let _said = ctl.ok(&["put", "a", "b"]);
    let _said = ctl.ok(&["get", "a"]);
    // An operator's own alarm: raised for a member that is none.
    raise_alarm(&lone.spec.client_url());
    let _event = watch.output_until("b\n");
    // What is measured of an answer may be counted after the client has it.
    let counted = wait_until("all of that to be counted", DEADLINE, || {
        let metrics = lone.probe().metrics().map_err(|error| error.to_string())?;
        match COUNTED.iter().find(|sample| metrics.text().lines().all(|line| line != **sample)) {
            Some(sample) => Err(format!("{sample} is not in:\n{}", metrics.text())),
            None => Ok(metrics),
        }
    });
    let metrics = counted.unwrap();
    let found = families(metrics.text());
    for (name, kind, labels, bound) in LATER {
        let family = found.get(*name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind, *kind, "{name}");
        assert_eq!(family.labels, labels.iter().map(|label| (*label).to_owned()).collect(), "{name}");
        assert!(bound.is_empty() || family.bounds.contains(*bound), "{name}: {:?}", family.bounds);
    }
    // Health checks read ranges too.
    assert!(metrics.value("etcd_server_range_duration_seconds_count").is_some_and(|count| count > 0.0));
    assert!(metrics.value("etcd_disk_wal_write_duration_seconds_count").is_some_and(|count| count > 0.0));
    assert!(metrics.value("etcd_disk_wal_write_bytes_total").is_some_and(|bytes| bytes > 0.0));
}

fn raise_alarm(url: &str) {
    let request =
        AlarmRequest { action: AlarmAction::Activate as i32, member_id: 7, alarm: AlarmType::Nospace as i32 };
    runtime().block_on(async {
        let mut client = MaintenanceClient::connect(url.to_owned()).await.unwrap();
        client.alarm(request).await.unwrap();
    });
}

fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            current = name.to_owned();
            families.entry(current.clone()).or_default().kind = kind.to_owned();
        } else if let (false, Some((_, rest))) = (line.starts_with('#'), line.split_once('{')) {
            let family = families.get_mut(&current).unwrap();
            let labels = rest.rsplit_once('}').unwrap().0;
            for label in labels.split("\",") {
                let (name, value) = label.split_once("=\"").unwrap();
                if name == "le" {
                    family.bounds.insert(value.trim_end_matches('"').to_owned());
                } else {
                    family.labels.insert(name.to_owned());
                }
            }
        }
    }
    families
}
