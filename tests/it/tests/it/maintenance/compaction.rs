//! History that a cluster forgets by itself, and space that a start gives back.

use etcd_client::{Client, CompactionOptions, DeleteOptions};
use etcd_it::{cluster, is_go_3_4, runtime, start};

use crate::load::put_many;

#[test]
fn the_leader_compacts_periodically() {
    let mut cluster = start(
        cluster(3).argument("--auto-compaction-mode=periodic").argument("--auto-compaction-retention=2s"),
    );
    let runtime = runtime();
    put_many(&runtime, &cluster.client_urls(), "k", 20, 10);
    let compacted = cluster.wait("every member to have compacted", |members| {
        let compacted: Vec<_> = members
            .iter()
            .map(|member| member.probe().metrics().map(|m| m.value("etcd_debugging_mvcc_compact_revision")))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        let all = compacted.iter().all(|revision| revision.is_some_and(|revision| revision >= 21.0));
        if all { Ok(()) } else { Err(format!("{compacted:?}")) }
    });
    compacted.unwrap();
    cluster.equal_hashes(&runtime);
}

#[test]
fn a_start_gives_space_back_when_that_is_worth_it() {
    if is_go_3_4() {
        return;
    }
    let mut cluster = start(cluster(1).argument("--bootstrap-defrag-threshold-megabytes=4"));
    let runtime = runtime();
    put_many(&runtime, &cluster.client_urls(), "k", 4000, 4096);
    // What is deleted before it was ever written to the disk takes no space there.
    let before = cluster.wait_for_metric(0, "etcd_mvcc_db_total_size_in_bytes", |size| size > 16e6);
    runtime.block_on(async {
        let mut client = Client::connect([&cluster.client_urls()[0]], None).await.unwrap();
        let deleted = client.delete("k", Some(DeleteOptions::new().with_prefix())).await.unwrap();
        let revision = deleted.header().unwrap().revision();
        client.compact(revision, Some(CompactionOptions::new().with_physical())).await.unwrap();
    });
    cluster.stop(0).unwrap();
    cluster.start(0).unwrap();
    cluster.wait_for_health(0).unwrap();
    let after = cluster.metric(0, "etcd_mvcc_db_total_size_in_bytes");
    assert!(after < before / 2.0, "{before} bytes before, {after} after");
    assert_eq!(cluster.metric(0, "etcd_disk_backend_defrag_duration_seconds_count"), 1.0);
}
