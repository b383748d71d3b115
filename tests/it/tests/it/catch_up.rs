//! Members that were away, and what they missed.

use etcd_client::GetOptions;
use etcd_it::{TestCluster, cluster, is_go_3_4, runtime, start};
use tokio::runtime::Runtime;

use crate::load::{await_snapshot, connect, put_many, urls_without};

/// Three members that keep so little log that whoever misses a thousand writes needs a snapshot.
fn short_logged() -> TestCluster {
    let builder = cluster(3).argument("--snapshot-count=200");
    start(if is_go_3_4() { builder } else { builder.argument("--snapshot-catchup-entries=50") })
}

/// A thousand writes and a compaction that the member `away` does not see.
fn leave_behind(cluster: &mut TestCluster, runtime: &Runtime, away: usize, size: usize) {
    // It may have led.
    cluster.wait_for_leader().unwrap();
    let urls = urls_without(cluster, away);
    put_many(runtime, &urls, "missed", 1100, size);
    runtime.block_on(async {
        let mut client = connect(&urls[0]).await;
        let revision = client.put("last", "1", None).await.unwrap().header().unwrap().revision();
        client.compact(revision - 50, None).await.unwrap();
    });
}

/// Every member has the same, in revision and in hash, and the member that was away has the last write.
fn assert_caught_up(cluster: &mut TestCluster, runtime: &Runtime, away: usize) {
    cluster.wait_for_health(away).unwrap();
    cluster.equal_hashes(runtime);
    runtime.block_on(async {
        let mut client = connect(&cluster.client_urls()[away]).await;
        let answer = client.get("last", Some(GetOptions::new().with_serializable())).await.unwrap();
        assert_eq!(answer.kvs()[0].value(), b"1");
        let all = GetOptions::new().with_prefix().with_count_only().with_serializable();
        assert_eq!(client.get("missed/", Some(all)).await.unwrap().count(), 1100);
    });
}

#[test]
fn a_stopped_member_catches_up_by_snapshot() {
    let (mut cluster, runtime) = (short_logged(), runtime());
    put_many(&runtime, &cluster.client_urls(), "seen", 100, 10);
    cluster.stop(2).unwrap();
    leave_behind(&mut cluster, &runtime, 2, 100);
    cluster.start(2).unwrap();
    let others = urls_without(&cluster, 2);
    await_snapshot(&mut cluster, 2, |_| put_many(&runtime, &others, "missed", 1100, 100));
    assert_caught_up(&mut cluster, &runtime, 2);

    // What came by snapshot must survive like anything else.
    cluster.kill(2).unwrap();
    cluster.start(2).unwrap();
    assert_caught_up(&mut cluster, &runtime, 2);
}

#[test]
fn a_paused_member_catches_up() {
    let (mut cluster, runtime) = (short_logged(), runtime());
    let leader = cluster.wait_for_leader().unwrap();
    let away = (leader + 1) % 3;
    cluster.pause(away).unwrap();
    leave_behind(&mut cluster, &runtime, away, 100);
    cluster.resume(away).unwrap();
    assert_caught_up(&mut cluster, &runtime, away);

    // The same with the leader, which does not know yet that it leads no more.
    let leader = cluster.wait_for_leader().unwrap();
    cluster.pause(leader).unwrap();
    leave_behind(&mut cluster, &runtime, leader, 100);
    cluster.resume(leader).unwrap();
    assert_caught_up(&mut cluster, &runtime, leader);
}

#[test]
fn a_member_killed_while_it_catches_up_catches_up() {
    let (mut cluster, runtime) = (short_logged(), runtime());
    cluster.kill(1).unwrap();
    // Large values, so that it takes a while.
    leave_behind(&mut cluster, &runtime, 1, 20_000);
    for _ in 0..4 {
        cluster.start(1).unwrap();
        cluster
            .wait("the member to speak to its peers", |members| {
                members[1].probe().members().map(drop).map_err(|error| error.to_string())
            })
            .unwrap();
        cluster.kill(1).unwrap();
    }
    cluster.start(1).unwrap();
    assert_caught_up(&mut cluster, &runtime, 1);
}

#[test]
fn an_idle_follower_that_restarts_serves_linearizable_reads() {
    // So long that only a follower could have made another leader of somebody.
    let (mut cluster, runtime) = (start(cluster(3).argument("--election-timeout=10000")), runtime());
    put_many(&runtime, &cluster.client_urls()[..1], "k", 1, 1);
    let leader = cluster.wait_for_leader().unwrap();
    for follower in (0..3).filter(|index| *index != leader) {
        cluster.stop(follower).unwrap();
        cluster.start(follower).unwrap();
        cluster.wait_for_health(follower).unwrap();
        runtime.block_on(async {
            let mut client = connect(&cluster.client_urls()[follower]).await;
            let answer = client.get("k/0", None).await.unwrap();
            assert_eq!(answer.kvs()[0].value(), b"v");
        });
    }
    assert_eq!(
        cluster.wait_for_leader().unwrap(),
        leader,
        "a follower that comes back does not disturb the leader"
    );
}
