//! Callers that go away, and members and leaders that do.

use std::time::{Duration, Instant};

use etcd_it::{DEADLINE, TestCluster, cluster, is_go_3_4, runtime, start};
use etcd_proto::v3lockpb::LockRequest;
use tonic::{Code, Request};

use super::{Services, await_keys, bytes, grant, observed, refusal, text};
use crate::load::connect;

/// Waits until a member has no watcher.
async fn await_no_watchers(cluster: &TestCluster, member: usize) {
    let begun = Instant::now();
    loop {
        let count =
            tokio::task::block_in_place(|| cluster.metric(member, "etcd_debugging_mvcc_watcher_total"));
        if count == 0.0 {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{count} watchers are left");
        tokio::time::sleep(Duration::from_millis(10)).await; // between two looks
    }
}

#[test]
fn who_goes_away_does_not_keep_others_waiting() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        let urls = cluster.client_urls();
        let mut client = connect(&urls[0]).await;
        for (number, url) in urls.iter().enumerate() {
            let mut holder = Services::connect(url).await;
            let lease = grant(&mut client, 0x7001 + number as i64).await;
            let held = holder.lock("away", lease).await.unwrap();
            let held = text(&held.key).to_owned();

            // One call is cancelled, its connection stays.
            let mut services = Services::connect(url).await;
            let mut another = services.clone();
            let lease = grant(&mut client, 0x7100 + number as i64).await;
            let waiting = tokio::spawn(async move { another.lock("away", lease).await });
            let key = format!("away/{lease:x}");
            await_keys(url, "away/", &[&held, &key]).await;
            waiting.abort();
            await_keys(url, "away/", &[&held]).await;

            // One has a deadline. Its key is its own: the call may reach the member after it.
            let another = grant(&mut client, 0x7200 + number as i64).await;
            let mut request = Request::new(LockRequest { name: bytes("away"), lease: another });
            request.set_timeout(Duration::from_millis(300));
            let late = services.locks.lock(request).await.unwrap_err();
            // Whoever notices it first says so.
            assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&late.code()), "{late:?}");
            await_keys(url, "away/", &[&held]).await;

            // One loses its connection, a candidate too.
            let waiting = tokio::spawn(async move { services.campaign("away", lease, "x").await });
            await_keys(url, "away/", &[&held, &key]).await;
            waiting.abort();
            assert!(waiting.await.unwrap_err().is_cancelled());
            await_keys(url, "away/", &[&held]).await;

            // An observer.
            let mut services = Services::connect(url).await;
            let mut stream = services.observe("away").await.unwrap();
            assert_eq!(observed(&mut stream).await.0, "");
            drop((stream, services));
            await_no_watchers(&cluster, number).await;

            // And who waits after them gets the lock.
            let waiting = tokio::spawn(async move { holder.lock("away", lease).await });
            await_keys(url, "away/", &[&held, &key]).await;
            client.delete(held, None).await.unwrap();
            assert_eq!(text(&waiting.await.unwrap().unwrap().key), key);
            client.delete(key, None).await.unwrap();
            await_no_watchers(&cluster, number).await;
        }
    });
}

#[test]
fn without_a_leader_a_wait_that_wants_one_ends() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: 3.4 looks for a leader at the beginning of a call only");
        return;
    }
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let leader = cluster.wait_for_leader().unwrap();
    let left = (leader + 1) % 3;
    let url = cluster.client_urls()[left].clone();
    runtime.block_on(async {
        let mut client = connect(&url).await;
        let (held, wants, patient) =
            (grant(&mut client, 1).await, grant(&mut client, 2).await, grant(&mut client, 3).await);
        let mut services = Services::connect(&url).await;
        services.lock("leader", held).await.unwrap();
        let mut with_leader = services.clone().with("hasleader", "true");
        let mut observer = with_leader.observe("leader").await.unwrap();
        assert_eq!(observed(&mut observer).await.0, "");
        let ended = tokio::spawn({
            let mut services = with_leader.clone();
            async move { services.lock("leader", wants).await }
        });
        await_keys(&url, "leader/", &["leader/1", "leader/2"]).await;
        let waiting = tokio::spawn(async move { services.lock("leader", patient).await });
        await_keys(&url, "leader/", &["leader/1", "leader/2", "leader/3"]).await;
        cluster.kill(leader).unwrap();
        cluster.kill((leader + 2) % 3).unwrap();
        let no_leader = (Code::Unavailable, "etcdserver: no leader".to_owned());
        let observed = tokio::time::timeout(DEADLINE, observer.message()).await.expect("an end in time");
        assert_eq!(refusal(observed), no_leader);
        assert_eq!(refusal(ended.await.unwrap()), no_leader);
        assert_eq!(refusal(with_leader.lock("other", wants).await), no_leader);
        // Who does not ask for a leader waits on.
        cluster.start(leader).unwrap();
        cluster.wait_for_health(left).unwrap();
        let mut client = connect(&url).await;
        client.delete("leader/1", None).await.unwrap();
        // The one that gave up could not say so without a leader.
        client.lease_revoke(wants).await.unwrap();
        assert_eq!(text(&waiting.await.unwrap().unwrap().key), "leader/3");
    });
}

#[test]
fn a_member_that_stops_ends_waits_and_takes_their_keys_back() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: 3.4 leaves the keys where they are");
        return;
    }
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    for stopped in 0..2 {
        let urls = cluster.client_urls();
        let (url, other) = (urls[stopped].clone(), urls[2].clone());
        runtime.block_on(async {
            let mut client = connect(&other).await;
            let held = grant(&mut client, 0x7001).await;
            let waits = grant(&mut client, 0x7002).await;
            let mut services = Services::connect(&url).await;
            services.lock("stop", held).await.unwrap();
            let mut observer = services.observe("stop").await.unwrap();
            assert_eq!(observed(&mut observer).await.0, "");
            let waiting = tokio::spawn(async move { services.lock("stop", waits).await });
            await_keys(&url, "stop/", &["stop/7001", "stop/7002"]).await;
            tokio::task::block_in_place(|| cluster.stop(stopped).unwrap());
            let stopped = (Code::Unavailable, "etcdserver: server stopped".to_owned());
            assert_eq!(refusal(waiting.await.unwrap()), stopped);
            assert_eq!(refusal(observer.message().await), stopped);
            await_keys(&other, "stop/", &["stop/7001"]).await;
            for lease in [held, waits] {
                client.lease_revoke(lease).await.unwrap();
            }
        });
        cluster.start(stopped).unwrap();
        cluster.wait_for_health(stopped).unwrap();
    }
}

#[test]
fn a_wait_goes_on_across_the_death_of_the_leader() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let leader = cluster.wait_for_leader().unwrap();
    let urls = cluster.client_urls();
    let (one, two) = (urls[(leader + 1) % 3].clone(), urls[(leader + 2) % 3].clone());
    runtime.block_on(async {
        let mut client = connect(&one).await;
        let (first, second) = (grant(&mut client, 1).await, grant(&mut client, 2).await);
        let mut services = Services::connect(&one).await;
        let held = services.lock("death", first).await.unwrap();
        let mut observer = services.observe("death").await.unwrap();
        assert_eq!(observed(&mut observer).await.0, "");
        let mut other = Services::connect(&two).await;
        let waiting = tokio::spawn(async move { other.lock("death", second).await });
        await_keys(&two, "death/", &["death/1", "death/2"]).await;
        tokio::task::block_in_place(|| {
            cluster.kill(leader).unwrap();
            cluster.wait_for_health((leader + 1) % 3).unwrap();
        });
        // A new leader may have to be found first.
        let begun = Instant::now();
        while let Err(status) = services.unlock(&held.key).await {
            assert!(begun.elapsed() < DEADLINE, "{status}");
        }
        assert_eq!(text(&waiting.await.unwrap().unwrap().key), "death/2");
        let (_, _, revision) = observed(&mut observer).await;
        let found = client.get("death/2", None).await.unwrap();
        assert_eq!(found.kvs()[0].create_revision(), revision);
    });
}
