//! What works, and what does not, while members are down.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, Error, GetOptions};
use etcd_it::{DEADLINE, TestCluster, cluster, is_go_3_4, runtime, start};
use etcd_testkit::wait_until;
use tokio::runtime::Runtime;
use tonic::Code;

use crate::load::{connect, put_many, urls_without};

/// What a member without a quorum may answer; all of it with code UNAVAILABLE.
const NO_QUORUM: [&str; 5] = [
    "etcdserver: request timed out",
    "etcdserver: request timed out, possibly due to previous leader failure",
    "etcdserver: request timed out, possibly due to connection lost",
    "etcdserver: leader changed",
    "etcdserver: no leader",
];

fn assert_no_quorum<T: std::fmt::Debug>(what: &str, outcome: Result<T, Error>) {
    let Err(Error::GRpcStatus(status)) = outcome else { panic!("{what}: {outcome:?}") };
    // 3.4 has no gRPC code for its own time-out.
    if is_go_3_4() && status.message() == "context deadline exceeded" {
        return;
    }
    assert_eq!(status.code(), Code::Unavailable, "{what}: {status:?}");
    assert!(NO_QUORUM.contains(&status.message()), "{what}: {status:?}");
}

/// Puts until it succeeds: a request that meets an election may fail.
fn put_until_it_works(runtime: &Runtime, url: &str, key: &str) {
    let mut client = runtime.block_on(connect(url));
    wait_until(&format!("{url} to take a put"), DEADLINE, || {
        runtime.block_on(client.put(key, "v", None)).map(drop).map_err(|error| error.to_string())
    })
    .unwrap();
}

fn read(runtime: &Runtime, url: &str, key: &str) -> Option<Vec<u8>> {
    runtime.block_on(async {
        let answer = connect(url).await.get(key, None).await.unwrap();
        answer.kvs().first().map(|kv| kv.value().to_vec())
    })
}

fn followers(cluster: &mut TestCluster) -> (usize, [usize; 2]) {
    let leader = cluster.wait_for_leader().unwrap();
    (leader, [(leader + 1) % 3, (leader + 2) % 3])
}

#[test]
fn writes_go_on_without_the_leader() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let leader = cluster.wait_for_leader().unwrap();
    cluster.kill(leader).unwrap();
    for (number, url) in urls_without(&cluster, leader).iter().enumerate() {
        put_until_it_works(&runtime, url, &format!("k{number}"));
    }
    let next = cluster.wait_for_leader().unwrap();
    assert_ne!(next, leader);
    cluster.start(leader).unwrap();
    cluster.wait_for_health(leader).unwrap();
    for key in ["k0", "k1"] {
        assert_eq!(read(&runtime, &cluster.client_urls()[leader], key).as_deref(), Some(&b"v"[..]), "{key}");
    }
    cluster.equal_hashes(&runtime);
}

#[test]
fn one_of_three_answers_only_serializable_reads() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    put_many(&runtime, &cluster.client_urls(), "k", 10, 1);
    cluster.equal_hashes(&runtime);
    let (leader, [left, other]) = followers(&mut cluster);
    cluster.kill(leader).unwrap();
    cluster.kill(other).unwrap();
    cluster
        .wait("the member to notice that it has no leader", |members| {
            let metrics = members[left].probe().metrics().map_err(|error| error.to_string())?;
            if metrics.has_leader() { Err("it still follows".to_owned()) } else { Ok(()) }
        })
        .unwrap();
    let url = cluster.client_urls()[left].clone();
    runtime.block_on(async {
        let (mut reader, mut writer) = (connect(&url).await, connect(&url).await);
        let (read, put) = tokio::join!(reader.get("k/0", None), writer.put("lost", "v", None));
        assert_no_quorum("a linearizable read", read);
        assert_no_quorum("a put", put);
        let local = GetOptions::new().with_serializable().with_prefix();
        assert_eq!(reader.get("k/", Some(local)).await.unwrap().count(), 10);
        assert_eq!(reader.status().await.unwrap().leader(), 0);

        let options = ConnectOptions::new().with_require_leader(true);
        let mut picky = Client::connect([&url], Some(options)).await.unwrap();
        let refused = picky.get("k/0", Some(GetOptions::new().with_serializable())).await;
        let Err(Error::GRpcStatus(status)) = refused else { panic!("{refused:?}") };
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "etcdserver: no leader"));
    });
    assert!(!cluster.member(left).probe().health().unwrap(), "it says that it is not healthy");

    cluster.start(leader).unwrap();
    put_until_it_works(&runtime, &url, "with two");
    cluster.start(other).unwrap();
    for index in 0..3 {
        cluster.wait_for_health(index).unwrap();
        assert!(read(&runtime, &cluster.client_urls()[index], "with two").is_some());
    }
    cluster.equal_hashes(&runtime);
}

#[test]
fn a_leader_that_is_told_to_stop_hands_over() {
    const ELECTION: Duration = Duration::from_secs(20);
    // A new leader before any election timeout can have run out was made so by the old one.
    let builder = cluster(3).argument("--election-timeout=20000").argument("--heartbeat-interval=100");
    let mut cluster = start(builder);
    let leader = cluster.wait_for_leader().unwrap();
    let status = cluster.stop(leader).unwrap();
    assert!(status.code() == Some(0) || status.signal() == Some(15), "{status}");
    let others: Vec<_> = (0..3).filter(|index| *index != leader).collect();
    wait_until("a new leader before an election could make one", ELECTION - Duration::from_secs(1), || {
        for index in &others {
            let metrics = cluster.member(*index).probe().metrics().map_err(|error| error.to_string())?;
            if metrics.is_leader() {
                return Ok(());
            }
        }
        Err("no other member leads".to_owned())
    })
    .unwrap();
}

#[test]
fn followers_forward_proposals() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let (leader, followers) = followers(&mut cluster);
    let urls = cluster.client_urls();
    for follower in followers {
        let key = format!("from {follower}");
        let mut client = runtime.block_on(connect(&urls[follower]));
        runtime.block_on(client.put(key.clone(), "v", None)).unwrap();
        for url in [&urls[follower], &urls[leader]] {
            assert!(read(&runtime, url, &key).is_some(), "{key} at {url}");
        }
    }
    assert_eq!(cluster.wait_for_leader().unwrap(), leader);
}
