//! Watchers and members that go, come back, or are left behind.

use std::collections::BTreeSet;

use etcd_it::{DEADLINE, cluster, is_go_3_4, runtime, start};
use etcd_proto::etcdserverpb::WatchCreateRequest;
use etcd_testkit::wait_until;
use tonic::Code;
use tonic::transport::Channel;

use super::stream::{Stream, key, prefix};
use crate::load::{connect, urls_without};

/// Follows `prefix` from `next` on at one of `urls` after the other, until `is_done` says so; every revision it sees.
async fn follow(urls: &[String], mut next: i64, is_done: impl Fn(&[i64]) -> bool) -> Vec<i64> {
    let mut seen = Vec::new();
    for url in urls.iter().cycle() {
        let Ok(channel) = Channel::from_shared(url.clone()).unwrap().connect().await else { continue };
        let Ok(mut stream) = Stream::on(channel, true).await else { continue };
        stream.create(WatchCreateRequest { start_revision: next, ..prefix("f/") }).await;
        while let Ok(response) = stream.outcome().await {
            for event in &response.events {
                let revision = event.kv.as_ref().unwrap().mod_revision;
                seen.push(revision);
                next = revision + 1;
            }
            if is_done(&seen) {
                return seen;
            }
        }
    }
    seen
}

#[test]
fn a_watch_goes_on_across_the_death_of_the_leader() {
    const PUTS: usize = 120;
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let leader = cluster.wait_for_leader().unwrap();
    let urls = cluster.client_urls();
    // One follower is watched all the time; the others begin at the leader, and have to go elsewhere.
    let followers: Vec<_> = (0..3)
        .map(|first| {
            let mut urls = urls.clone();
            urls.rotate_left((leader + first) % 3);
            runtime.spawn(async move { follow(&urls, 2, |seen| seen.len() > PUTS).await })
        })
        .collect();
    let others = urls_without(&cluster, leader);
    let put = |name: String| {
        wait_until("a put to succeed", DEADLINE, || {
            let outcome = runtime.block_on(async { connect(&others[0]).await.put(&*name, "v", None).await });
            outcome.map(drop).map_err(|error| error.to_string())
        })
        .unwrap();
    };
    for number in 0..PUTS {
        if number == PUTS / 2 {
            cluster.kill(leader).unwrap();
        }
        put(format!("f/{number}"));
    }
    put("f/last".to_owned());
    for follower in followers {
        let seen = runtime.block_on(follower).unwrap();
        let unique: BTreeSet<_> = seen.iter().copied().collect();
        assert_eq!(unique.len(), seen.len(), "an event came twice");
        assert!(seen.is_sorted(), "events came out of order");
        assert!(seen.len() > PUTS && seen[0] == 2, "{} events, the first {}", seen.len(), seen[0]);
        let whole: Vec<i64> = (2..2 + seen.len() as i64).collect();
        assert_eq!(seen, whole, "nothing else was written, so no revision may be missing");
    }
}

#[test]
fn without_a_leader_a_watch_that_wants_one_ends() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let leader = cluster.wait_for_leader().unwrap();
    let left = (leader + 1) % 3;
    let url = cluster.client_urls()[left].clone();
    let channel = runtime.block_on(Channel::from_shared(url.clone()).unwrap().connect()).unwrap();
    runtime.block_on(async {
        let mut wants = Stream::on(channel.clone(), true).await.unwrap();
        let mut patient = Stream::on(channel.clone(), false).await.unwrap();
        wants.created(key("k")).await;
        patient.created(key("k")).await;
        cluster.kill(leader).unwrap();
        cluster.kill((leader + 2) % 3).unwrap();
        let ended = wants.outcome().await.unwrap_err();
        assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "etcdserver: no leader"));
        let refused = Stream::on(channel.clone(), true).await.err().expect("there is no leader");
        assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "etcdserver: no leader"));
        // Who does not ask for a leader waits, and gets what comes when there is one again.
        cluster.start(leader).unwrap();
        cluster.wait_for_health(left).unwrap();
        let revision = wait_until("a put", DEADLINE, || {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current()
                    .block_on(async { connect(&url).await.put("k", "v", None).await })
                    .map(|answer| answer.header().unwrap().revision())
                    .map_err(|error| error.to_string())
            })
        });
        let event = patient.next().await;
        assert!(event.events[0].kv.as_ref().unwrap().mod_revision <= revision.unwrap());
    });
}

#[test]
fn a_member_that_needs_a_snapshot_goes_on_with_its_watchers() {
    let builder = cluster(3).argument("--snapshot-count=200");
    let (mut cluster, runtime) = (
        start(if is_go_3_4() { builder } else { builder.argument("--snapshot-catchup-entries=50") }),
        runtime(),
    );
    let leader = cluster.wait_for_leader().unwrap();
    let behind = (leader + 1) % 3;
    let url = cluster.client_urls()[behind].clone();
    let mut streams = runtime.block_on(async {
        let mut streams = Vec::new();
        for create in [prefix("m/"), WatchCreateRequest { start_revision: 900, ..prefix("m/") }] {
            let mut stream = Stream::open(&url).await;
            stream.created(create).await;
            streams.push(stream);
        }
        streams
    });
    let mut seen = [Vec::new(), Vec::new()];
    // The others cut their logs only where their databases have become durable, which takes as long as their disks need.
    for last in (1..=5).map(|round| 1 + 1500 * round) {
        cluster.pause(behind).unwrap();
        cluster.wait_for_leader().unwrap();
        // One after the other, so that each is a message of its own: of those a leader has 512 under way to a member, and
        // the rest stays in its log, until it is cut.
        runtime.block_on(async {
            let mut client = connect(&urls_without(&cluster, behind)[0]).await;
            for number in 0..1500 {
                client.put(format!("m/{number}"), "v", None).await.unwrap();
            }
        });
        cluster.resume(behind).unwrap();
        for (stream, seen) in streams.iter_mut().zip(&mut seen) {
            runtime.block_on(async {
                while seen.last() != Some(&last) {
                    let response = stream.next().await;
                    seen.extend(response.events.iter().map(|event| event.kv.as_ref().unwrap().mod_revision));
                }
            });
        }
        assert_eq!(seen, [2, 900].map(|first| (first..=last).collect::<Vec<i64>>()));
        if is_go_3_4() {
            eprintln!("NOT TESTED: that a snapshot was needed: 3.4 always keeps 5000 entries");
            return;
        }
        let log = std::fs::read_to_string(cluster.member(behind).log()).unwrap();
        if log.contains("installing a snapshot") {
            // Counted once the member has taken it over, which may be after its watchers have heard of it.
            cluster.wait_for_metric(behind, "etcd_network_snapshot_receive_success", |count| count >= 1.0);
            return;
        }
    }
    panic!("no snapshot was needed");
}

#[test]
fn a_member_that_stops_ends_its_streams_and_is_not_held_up() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let url = cluster.client_urls()[2].clone();
    let mut stream = runtime.block_on(async {
        let mut stream = Stream::open(&url).await;
        stream.created(key("k")).await;
        stream
    });
    cluster.stop(2).unwrap();
    let ended = runtime.block_on(stream.outcome()).unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable, "{ended:?}");
    cluster.start(2).unwrap();
    cluster.wait_for_health(2).unwrap();
}
