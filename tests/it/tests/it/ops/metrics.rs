//! `/metrics` beside that of a real etcd 3.4: equal names, kinds, labels and buckets.

use std::collections::{BTreeMap, BTreeSet};

use etcd_it::{Ctl, foreign, is_go_3_4};

use crate::lone::Lone;

/// What etcd 3.4 shows and this server does not have, and why: by the beginning of the name.
const MISSING: &[(&str, &str)] = &[
    ("go_", "there is no Go runtime"),
    ("etcd_server_go_version", "there is no Go runtime"),
    ("etcd_grpc_proxy_", "there is no proxy"),
    ("etcd_debugging_disk_backend_commit_", "redb's commit has no such phases"),
    ("etcd_debugging_snap_save_", "there are no snapshot files"),
    ("etcd_snap_", "there are no snapshot files"),
    ("etcd_debugging_store_", "the v2 store is not counted yet"),
    ("etcd_debugging_auth_revision", "not counted yet"),
    ("etcd_debugging_lease_", "not counted yet"),
    ("etcd_debugging_server_lease_expired_total", "not counted yet"),
    ("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds", "not measured yet"),
    ("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds", "not measured yet"),
    ("etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds", "not measured yet"),
    ("etcd_debugging_mvcc_pending_events_total", "not counted yet"),
    ("etcd_debugging_mvcc_slow_watcher_total", "not counted yet"),
    ("etcd_debugging_mvcc_watch_stream_total", "not counted yet"),
    ("etcd_debugging_mvcc_watcher_total", "not counted yet"),
    ("etcd_disk_backend_defrag_duration_seconds", "not measured yet"),
    ("etcd_disk_backend_snapshot_duration_seconds", "not measured yet"),
    ("etcd_disk_defrag_inflight", "not counted yet"),
    ("etcd_disk_wal_write_bytes_total", "not counted yet"),
    ("etcd_mvcc_db_open_read_transactions", "not counted yet"),
    ("etcd_mvcc_hash_duration_seconds", "not measured yet"),
    ("etcd_mvcc_hash_rev_duration_seconds", "not measured yet"),
    ("etcd_server_learner_promote_successes", "members are not promoted yet"),
    ("etcd_server_slow_apply_total", "not counted yet"),
    ("etcd_server_snapshot_apply_in_progress_total", "not counted yet"),
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
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
