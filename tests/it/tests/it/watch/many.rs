//! Many watchers, and slow ones.

use std::time::Duration;

use etcd_it::{TestCluster, cluster, runtime, start};
use etcd_proto::etcdserverpb::WatchCreateRequest;
use etcd_testkit::wait_until;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::stream::{Stream, key, prefix};
use crate::load::connect;

fn sum(cluster: &TestCluster, name: &str) -> f64 {
    (0..3).map(|index| cluster.metric(index, name)).sum()
}

#[test]
fn a_thousand_watchers_see_everything() {
    const STREAMS: usize = 50;
    const WATCHERS: usize = 20;
    const PUTS: usize = 30;
    let (cluster, runtime) = (start(cluster(3)), runtime());
    let urls = cluster.client_urls();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        let (ready, mut readied) = tokio::sync::mpsc::channel(STREAMS);
        for number in 0..STREAMS {
            let (url, ready) = (urls[number % 3].clone(), ready.clone());
            tasks.spawn(async move {
                let mut stream = Stream::open(&url).await;
                for watcher in 0..WATCHERS {
                    stream.created(if watcher % 2 == 0 { key("hot") } else { prefix("ho") }).await;
                }
                ready.send(()).await.unwrap();
                let mut seen = vec![Vec::new(); WATCHERS];
                while seen.iter().any(|revisions: &Vec<i64>| revisions.len() < PUTS) {
                    let response = stream.next().await;
                    let revisions =
                        response.events.iter().map(|event| event.kv.as_ref().unwrap().mod_revision);
                    seen[usize::try_from(response.watch_id).unwrap()].extend(revisions);
                }
                (seen, stream)
            });
        }
        for _ in 0..STREAMS {
            readied.recv().await.unwrap();
        }
        let mut client = connect(&urls[0]).await;
        let mut revisions = Vec::new();
        for number in 0..PUTS {
            let answer = client.put("hot", number.to_string(), None).await.unwrap();
            revisions.push(answer.header().unwrap().revision());
        }
        // Kept until the watchers were counted.
        let mut streams = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (seen, stream) = done.unwrap();
            assert!(seen.iter().all(|seen| *seen == revisions), "{seen:?}");
            streams.push(stream);
        }
        assert_eq!(sum(&cluster, "etcd_debugging_mvcc_watcher_total"), (STREAMS * WATCHERS) as f64);
        assert_eq!(streams.len(), STREAMS);
        assert_eq!(sum(&cluster, "etcd_debugging_mvcc_watch_stream_total"), STREAMS as f64);
    });
    let gone = wait_until("the watchers to be forgotten", Duration::from_secs(60), || {
        let left = sum(&cluster, "etcd_debugging_mvcc_watcher_total");
        if left == 0.0 { Ok(()) } else { Err(left.to_string()) }
    });
    gone.unwrap();
}

#[test]
fn who_does_not_read_delays_nobody_and_misses_nothing() {
    const PUTS: i64 = 400;
    const VALUE: usize = 100 << 10;
    let (cluster, runtime) = (start(cluster(3)), runtime());
    let url = cluster.client_urls()[0].clone();
    runtime.block_on(async {
        let channel = || async { Channel::from_shared(url.clone()).unwrap().connect().await.unwrap() };
        let mut slow = Stream::on(channel().await, false).await.unwrap();
        for _ in 0..10 {
            slow.created(key("big")).await;
        }
        let mut quick = Stream::on(channel().await, false).await.unwrap();
        quick.created(key("big")).await;
        let mut client = connect(&url).await;
        let (mut first, mut quick_seen) = (0, Vec::new());
        for number in 0..PUTS {
            let answer = client.put("big", vec![b'v'; VALUE], None).await.unwrap();
            let revision = answer.header().unwrap().revision();
            if number == 0 {
                first = revision;
            }
            let response = quick.next().await;
            quick_seen.extend(response.events.iter().map(|event| event.kv.as_ref().unwrap().mod_revision));
        }
        assert_eq!(quick_seen, (first..first + PUTS).collect::<Vec<_>>());
        assert!(sum(&cluster, "etcd_debugging_mvcc_slow_watcher_total") >= 1.0, "nobody is slow");
        // 40 MB for each of ten watchers were not kept for it, and yet all of it is there.
        let mut seen = vec![Vec::new(); 10];
        while seen.iter().any(|revisions: &Vec<i64>| revisions.len() < quick_seen.len()) {
            let response = slow.next().await;
            let revisions = response.events.iter().map(|event| event.kv.as_ref().unwrap().mod_revision);
            seen[usize::try_from(response.watch_id).unwrap()].extend(revisions);
        }
        assert!(seen.iter().all(|seen| *seen == quick_seen));
        slow.request_progress().await;
        assert_eq!(slow.next().await.watch_id, -1);
    });
}

#[test]
fn many_watchers_of_the_past_are_caught_up() {
    const PUTS: i64 = 3000;
    let (cluster, runtime) = (start(cluster(3)), runtime());
    let url = cluster.client_urls()[1].clone();
    crate::load::put_many(&runtime, &cluster.client_urls(), "past", PUTS as usize, 10);
    runtime.block_on(async {
        let mut stream = Stream::open(&url).await;
        connect(&url).await.get("past", None).await.unwrap();
        for start_revision in (2..PUTS).step_by(100) {
            stream.create(WatchCreateRequest { start_revision, ..prefix("past/") }).await;
        }
        let mut next = std::collections::HashMap::new();
        let all = (2..PUTS).step_by(100).count();
        let mut done = 0;
        while done < all {
            let response = stream.next().await;
            if response.created {
                next.insert(response.watch_id, 2 + 100 * response.watch_id);
                continue;
            }
            let expected = next.get_mut(&response.watch_id).unwrap();
            for event in &response.events {
                assert_eq!(event.kv.as_ref().unwrap().mod_revision, *expected);
                *expected += 1;
            }
            done += usize::from(*expected == PUTS + 2);
        }
    });
}
