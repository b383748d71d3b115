//! Snapshots, defragmentation and hashes, while clients go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use etcd_client::{Client, CompactionOptions, DeleteOptions, GetOptions};
use etcd_it::{Ctl, Scratch, cluster, is_go_3_4, runtime, start};
use etcd_proto::etcdserverpb::HashKvRequest;
use etcd_proto::etcdserverpb::maintenance_client::MaintenanceClient;

use crate::load::put_many;

/// Puts `k0`, `k1`, … one after the other until told to stop; counts them.
struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Writer {
    fn start(runtime: &tokio::runtime::Runtime, url: String) -> Self {
        let (stop, written) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (until, count) = (Arc::clone(&stop), Arc::clone(&written));
        let task = runtime.spawn(async move {
            let mut client = Client::connect([url], None).await.unwrap();
            while !until.load(Ordering::SeqCst) {
                let n = count.load(Ordering::SeqCst);
                client.put(format!("k{n}"), n.to_string(), None).await.unwrap();
                client.get("k0", None).await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { stop, written, task }
    }

    fn count(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Stops it, and gives how many keys it has put.
    fn finish(self, runtime: &tokio::runtime::Runtime) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        runtime.block_on(self.task).unwrap();
        self.written.load(Ordering::SeqCst)
    }
}

#[test]
fn defragmentation_stops_nobody_and_loses_nothing() {
    let mut cluster = start(cluster(3));
    let urls = cluster.client_urls();
    let Some(ctl) = Ctl::new(&urls) else { return };
    let runtime = runtime();
    put_many(&runtime, &urls, "old", 3000, 4096);
    // What is deleted before it was ever written to the disk takes no space there.
    for member in 0..3 {
        cluster.wait_for_metric(member, "etcd_mvcc_db_total_size_in_bytes", |size| size > 12e6);
    }
    let size = |member: usize| {
        let status = Ctl::new(&urls[member..=member]).expect("it is there").json(&["endpoint", "status"]);
        status[0]["Status"]["dbSize"].as_u64().expect("a size")
    };
    runtime.block_on(async {
        let mut client = Client::connect([&urls[0]], None).await.unwrap();
        let deleted = client.delete("old", Some(DeleteOptions::new().with_prefix())).await.unwrap();
        let revision = deleted.header().unwrap().revision();
        client.compact(revision, Some(CompactionOptions::new().with_physical())).await.unwrap();
    });
    let writer = Writer::start(&runtime, urls[1].clone());
    let before: Vec<u64> = (0..3).map(size).collect();
    let said = ctl.ok(&["defrag"]);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(said.lines().all(|line| line.starts_with("Finished defragmenting etcd member[")), "{said}");
    for (member, before) in before.into_iter().enumerate() {
        let after = size(member);
        assert!(after * 2 < before, "member {member}: {before} bytes before, {after} after");
    }
    let count = writer.finish(&runtime);
    cluster.equal_hashes(&runtime);
    // What was written meanwhile is there, also after a crash.
    for member in 0..3 {
        cluster.kill(member).unwrap();
        cluster.start(member).unwrap();
        cluster.wait_for_leader().unwrap();
        cluster.wait_for_health(member).unwrap();
    }
    let (_, _hash) = cluster.equal_hashes(&runtime);
    runtime.block_on(async {
        let mut client = Client::connect([&urls[2]], None).await.unwrap();
        let all = GetOptions::new().with_prefix().with_count_only();
        assert_eq!(client.get("k", Some(all)).await.unwrap().count(), i64::try_from(count).unwrap());
    });
    if !is_go_3_4() {
        assert!(cluster.metric(0, "etcd_disk_backend_defrag_duration_seconds_count") <= 1.0);
    }
}

#[test]
fn a_snapshot_is_saved_while_others_write() {
    let cluster = start(cluster(1));
    let urls = cluster.client_urls();
    let Some(ctl) = Ctl::new(&urls) else { return };
    let runtime = runtime();
    put_many(&runtime, &urls, "old", 500, 4096);
    let writer = Writer::start(&runtime, urls[0].clone());
    while writer.count() == 0 {
        std::thread::yield_now();
    }
    let scratch = Scratch::new();
    let file = scratch.join("saved.db");
    let said = ctl.ok(&["snapshot", "save", file.to_str().unwrap()]);
    assert!(said.contains("Snapshot saved at "), "{said}");
    let length = std::fs::metadata(&file).unwrap().len();
    assert_eq!(length % 512, 32, "blocks and a digest");
    assert!(length > 500 * 4096, "{length}");
    writer.finish(&runtime);

    let (total, version) = runtime.block_on(async {
        let mut client = Client::connect([&urls[0]], None).await.unwrap();
        let mut stream = client.snapshot().await.unwrap();
        let (mut total, mut remaining, mut last) = (0, None, 0);
        while let Some(message) = stream.message().await.unwrap() {
            total += message.blob().len() as u64;
            last = message.blob().len();
            if let Some(remaining) = remaining.replace(message.remaining_bytes()) {
                assert!(message.remaining_bytes() <= remaining);
            }
        }
        assert_eq!((remaining, last), (Some(0), 32), "the last message is the digest");
        (total, ())
    });
    assert_eq!((total % 512, version), (32, ()));
    if !is_go_3_4() {
        cluster.wait_for_metric(0, "etcd_disk_backend_snapshot_duration_seconds_count", |count| count == 2.0);
    }
}

/// Members are compared by both: see `etcdctl endpoint hashkv`.
#[test]
fn a_hash_is_of_the_revision_that_its_header_tells() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: the revision of a hash: 3.4 does not tell it");
        return;
    }
    const HASHES: usize = 100;
    let cluster = start(cluster(1));
    let runtime = runtime();
    let url = cluster.client_urls().remove(0);
    let writers: Vec<Writer> = (0..16).map(|_| Writer::start(&runtime, url.clone())).collect();
    runtime.block_on(async {
        let mut client = MaintenanceClient::connect(url).await.unwrap();
        for _ in 0..HASHES {
            let answer = client.hash_kv(HashKvRequest { revision: 0 }).await.unwrap().into_inner();
            assert_eq!(answer.header.unwrap().revision, answer.hash_revision);
        }
    });
    for writer in writers {
        writer.finish(&runtime);
    }
}

#[test]
fn members_with_the_same_data_have_the_same_hash() {
    let mut cluster = start(cluster(3));
    let runtime = runtime();
    put_many(&runtime, &cluster.client_urls(), "k", 100, 10);
    cluster.equal_hashes(&runtime);
    let urls = cluster.client_urls();
    let hashes = cluster.wait("equal hashes of everything", |_| {
        let hashes: Vec<u32> = urls
            .iter()
            .map(|url| {
                runtime.block_on(async {
                    Client::connect([url], None).await.unwrap().hash().await.unwrap().hash()
                })
            })
            .collect();
        if hashes.iter().all(|hash| *hash == hashes[0]) { Ok(hashes) } else { Err(format!("{hashes:?}")) }
    });
    assert_ne!(hashes.unwrap()[0], 0);
}
