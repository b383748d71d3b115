//! A member whose data is not that of the others, because its disk has lied.

use std::ops::{Bound, ControlFlow};
use std::path::Path;

use etcd_client::{AlarmAction, AlarmType, Error};
use etcd_it::{DEADLINE, TestCluster, cluster, is_go_3_4, runtime, start};
use etcd_storage::{Batch, Bucket, Options, Storage};
use etcd_testkit::wait_until;
use tonic::Code;

use crate::load::connect;

const CORRUPT: &str = "etcdserver: corrupt cluster";

/// Changes a byte of a value, in the database of a member that does not run.
fn damage(data_dir: &Path, value: &[u8]) {
    let storage = Storage::open(Options::new(data_dir.join("member/snap/db"))).unwrap();
    let mut rows = Vec::new();
    storage
        .range(Bucket::KEY, Bound::Unbounded, Bound::Unbounded, |key, row| {
            if let Some(at) = row.windows(value.len()).position(|part| part == value) {
                let mut row = row.to_vec();
                row[at] ^= 1;
                rows.push((key.to_vec(), row));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(rows.len(), 1, "the value is in one row");
    let mut batch = Batch::new(storage.durable_mark());
    rows.into_iter().for_each(|(key, row)| batch.put(Bucket::KEY, key, row));
    storage.write(batch).unwrap();
    storage.close().unwrap();
}

/// Writes keys, and damages one of a follower, which is stopped then; gives the follower.
fn with_a_damaged_follower(cluster: &mut TestCluster) -> usize {
    let runtime = runtime();
    runtime.block_on(async {
        let mut client = connect(&cluster.client_urls()[0]).await;
        for number in 0..10 {
            client.put(format!("k{number}"), format!("value of {number}"), None).await.unwrap();
        }
    });
    // Everybody has everything: what is missing would be taken from the log at the start.
    cluster.equal_hashes(&runtime);
    let leader = cluster.wait_for_leader().unwrap();
    let damaged = (leader + 1) % 3;
    cluster.stop(damaged).unwrap();
    damage(&cluster.member(damaged).spec().data_dir, b"value of 7");
    damaged
}

#[test]
fn a_member_with_other_data_does_not_start_to_serve() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: the damage is done to our own format");
        return;
    }
    let mut cluster = start(cluster(3).argument("--experimental-initial-corrupt-check=true"));
    let damaged = with_a_damaged_follower(&mut cluster);
    cluster.start(damaged).unwrap();
    let log = cluster.member(damaged).log().to_owned();
    let ended = wait_until("the member to end", DEADLINE, || match cluster.member(damaged).pid() {
        Some(pid) if is_running(pid) => Err("it runs".to_owned()),
        _ => Ok(()),
    });
    ended.unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    let said = log.lines().find(|line| line.starts_with("etcd: ")).unwrap_or_default();
    assert!(said.ends_with(" found data inconsistency with peers"), "{said}\n{log}");
    assert!(log.contains("found different hash values from remote peer"), "{log}");
    // The others go on, and one that is as they are starts.
    let other = (damaged + 1) % 3;
    cluster.kill(other).unwrap();
    cluster.start(other).unwrap();
    let probe = cluster.member(other).probe();
    let healthy = wait_until("the other member to be healthy", DEADLINE, || match probe.health() {
        Ok(true) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    healthy.unwrap();
}

fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // What has ended, and was not collected, is a zombie.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn the_leader_finds_a_member_with_other_data_and_stops_all_writes() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: the damage is done to our own format");
        return;
    }
    let mut cluster = start(cluster(3).argument("--experimental-corrupt-check-time=1s"));
    let damaged = with_a_damaged_follower(&mut cluster);
    cluster.start(damaged).unwrap();
    // It may not be healthy for long: only that it serves is waited for.
    let probe = cluster.member(damaged).probe();
    let serves =
        wait_until("the damaged member to serve", DEADLINE, || probe.health().map_err(|e| e.to_string()));
    serves.unwrap();
    let (runtime, urls) = (runtime(), cluster.client_urls());
    for (number, url) in urls.iter().enumerate() {
        runtime.block_on(async {
            let mut client = connect(url).await;
            // The check takes place every second; the alarm is the same for all members.
            let refused = async {
                loop {
                    match client.put("k1", "x", None).await {
                        Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await, // between two looks
                        Err(Error::GRpcStatus(status)) => return status,
                        Err(other) => panic!("{other}"),
                    }
                }
            };
            let refused = tokio::time::timeout(DEADLINE, refused).await.expect("a refusal in time");
            assert_eq!((refused.code(), refused.message()), (Code::DataLoss, CORRUPT));
            for refused in [
                client.delete("k1", None).await.err(),
                client.lease_grant(60, None).await.err(),
                client.compact(2, None).await.err(),
            ] {
                match refused {
                    Some(Error::GRpcStatus(status)) => assert_eq!(status.message(), CORRUPT),
                    other => panic!("not refused: {other:?}"),
                }
            }
            // Reads show what this member has.
            let found = client.get("k7", None).await.unwrap();
            assert_eq!(found.kvs()[0].value() == b"value of 7", number != damaged);
            let alarms = client.alarm(AlarmAction::Get, AlarmType::Corrupt, None).await.unwrap();
            assert!(!alarms.alarms().is_empty());
        });
        let health = cluster.member(number).probe().health();
        assert!(matches!(health, Ok(false)), "{health:?}");
    }
}
