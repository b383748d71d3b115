//! Messages arrive, in order, on the way that is open.

use std::time::Duration;

use etcd_membership::MemberId;
use etcd_proto::raftpb::Message;
use etcd_transport::{Options, UrlError};

use crate::support::{Setup, TestMember, append, heartbeat, pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_members_exchange_messages_in_order() {
    let (a, b) = (TestMember::start(1).await, TestMember::start(2).await);
    pair(&a, &b);
    a.connected(&b).await;
    b.connected(&a).await;
    for index in 0..500 {
        a.transport.send(vec![append(1, 2, index, vec![7; 256]), heartbeat(1, 2, index)]);
        b.transport.send(vec![heartbeat(2, 1, index)]);
    }
    let got = b
        .node
        .until("1000 messages", |notes| (notes.messages.len() == 1000).then(|| notes.messages.clone()))
        .await;
    let (appends, heartbeats): (Vec<_>, Vec<_>) =
        got.into_iter().partition(|message| !message.entries.is_empty());
    for (index, message) in (0..).zip(appends) {
        assert_eq!(message, append(1, 2, index, vec![7; 256]));
    }
    for (index, message) in (0..).zip(heartbeats) {
        assert_eq!(message, heartbeat(1, 2, index));
    }
    a.node.until("500 messages", |notes| (notes.messages.len() == 500).then_some(())).await;
    assert_eq!(a.node.notes.lock().unreachable, []);
    let (sent, _) = a.transport.appends();
    let (_, received) = b.transport.appends();
    assert_eq!((sent.count, received.count), (500, 500), "heartbeats do not count");
    let sending = a.transport.sending();
    let [(to, sending)] = sending[..] else { panic!("{sending:?}") };
    assert_eq!((to, sending.success, sending.fail), (b.id, 500, 0));
    // All may have gone out at once: then the average is the minimum, but for the rounding of a sum.
    let rounding = sending.maximum * 1e-9;
    assert!(0.0 < sending.minimum && sending.minimum <= sending.average + rounding, "{sending:?}");
    assert!(sending.average <= sending.maximum + rounding, "{sending:?}");
    assert!(sending.current <= sending.maximum, "{sending:?}");
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_all_reach_each_other() {
    let members = [TestMember::start(1).await, TestMember::start(2).await, TestMember::start(3).await];
    for from in &members {
        for to in &members {
            // A member that is told of itself does not dial itself.
            from.knows(to);
        }
    }
    for from in &members {
        for to in members.iter().filter(|to| to.id != from.id) {
            from.connected(to).await;
        }
        assert_eq!(from.transport.peer_status().len(), 2);
    }
    for from in 1..=3 {
        let messages =
            (1..=3).filter(|to| *to != from).flat_map(|to| (0..100).map(move |n| append(from, to, n, "x")));
        members[from as usize - 1].transport.send(messages.collect());
    }
    for member in &members {
        member.node.until("200 messages", |notes| (notes.messages.len() == 200).then_some(())).await;
        let notes = member.node.notes.lock();
        for from in (1..=3).filter(|from| *from != member.id.get()) {
            let indexes: Vec<u64> =
                notes.messages.iter().filter(|m| m.from == from).map(|m| m.index).collect();
            assert_eq!(indexes, (0..100).collect::<Vec<_>>());
        }
    }
    for member in members {
        member.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_restarts_is_found_again() {
    let (a, b) = (TestMember::start(1).await, TestMember::start(2).await);
    pair(&a, &b);
    a.connected(&b).await;
    let address = b.address;
    b.stop().await;
    let refused = async {
        loop {
            let status = a.transport.peer_status();
            if status[0].active_since.is_none() && status[0].last_error.is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refused).await.expect("a still believes in b");
    // What is sent meanwhile is lost, and reported: not by a stream of which nobody has seen the end yet, but soon.
    let reported = a.node.until("the report", |n| n.unreachable.contains(&MemberId::new(2)).then_some(()));
    keep_sending(&a, heartbeat(1, 2, 1), reported).await;

    let b = Setup { address, ..Setup::new(2) }.start().await;
    b.knows(&a);
    let arrived = b.node.until("a message", |notes| (!notes.messages.is_empty()).then_some(()));
    keep_sending(&a, heartbeat(1, 2, 2), arrived).await;
    a.stop().await;
    b.stop().await;
}

/// Sends the message again and again until `done`.
async fn keep_sending(member: &TestMember, message: Message, done: impl Future<Output = ()>) {
    let sending = async {
        loop {
            member.transport.send(vec![message.clone()]);
            tokio::time::sleep(Duration::from_millis(10)).await; // between two looks
        }
    };
    tokio::select! {
        () = done => {}
        () = sending => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_streams_messages_travel_as_posts_and_a_stranger_can_be_answered() {
    let (a, b) = (TestMember::start(1).await, TestMember::start(2).await);
    // b does not know a: it opens no streams to a and gives a none.
    a.knows(&b);
    a.transport.send((0..20).map(|index| append(1, 2, index, "x")).collect());
    b.node.until("20 messages", |notes| (notes.messages.len() == 20).then_some(())).await;
    b.transport.send(vec![heartbeat(2, 1, 7)]);
    let got = a.node.until("the answer", |notes| notes.messages.first().cloned()).await;
    assert_eq!(got, heartbeat(2, 1, 7));
    assert!(b.transport.peer_status().is_empty(), "a stranger is no peer");
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_url_of_a_peer_is_tried_when_one_fails() {
    let (a, b) = (TestMember::start(1).await, TestMember::start(2).await);
    b.knows(&a);
    let urls = ["http://127.0.0.1:1".to_owned(), b.url()];
    a.transport.add_peer(b.id, &urls).unwrap();
    b.connected(&a).await;
    assert_eq!(a.transport.peer_status()[0].urls, urls);

    // A new address replaces the old ones.
    let address = b.address;
    b.stop().await;
    let b = TestMember::start(2).await;
    assert_ne!(b.address, address);
    b.knows(&a);
    a.transport.update_peer(b.id, &[b.url()]).unwrap();
    b.connected(&a).await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_keep_up_loses_messages_and_is_reported() {
    let options = Options { stream_queue: 16, ..Options::default() };
    let a = Setup { options, ..Setup::new(1) }.start().await;
    let b = TestMember::start(2).await;
    *b.node.blocked.lock() = true;
    pair(&a, &b);
    a.connected(&b).await;
    let overflow = async {
        for index in 0.. {
            a.transport.send(vec![append(1, 2, index, vec![1; 256 << 10])]);
            if !a.node.notes.lock().unreachable.is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), overflow).await.expect("the queue has no bound");
    assert!(a.metrics().contains("etcd_network_peer_sent_failures_total{To=\"2\"} "));
    b.node.unblock();
    b.node.until("messages", |notes| (!notes.messages.is_empty()).then_some(())).await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_for_nobody_are_dropped_and_bad_urls_refused() {
    let a = TestMember::start(1).await;
    a.transport.send(vec![heartbeat(1, 0, 1), heartbeat(1, 9, 1)]);
    assert!(a.node.notes.lock().unreachable.is_empty());
    let bad = ["127.0.0.1:2380".to_owned()];
    let refused = a.transport.add_peer(MemberId::new(2), &bad);
    assert_eq!(refused, Err(UrlError::Form { text: bad[0].clone() }));
    assert_eq!(a.transport.add_peer(MemberId::new(2), &[]), Err(UrlError::None));
    a.transport.remove_peer(MemberId::new(2));
    a.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reason_why_a_peer_is_away_is_known() {
    let a = TestMember::start(1).await;
    for (id, url, reason) in [
        (2, "http://127.0.0.1:1", "connection refused"),
        (3, "https://127.0.0.1:2380", "https://127.0.0.1:2380 needs TLS, and none is set up"),
    ] {
        let id = MemberId::new(id);
        a.transport.add_peer(id, &[url.to_owned()]).unwrap();
        let failed = async {
            loop {
                let status = a.transport.peer_status().into_iter().find(|peer| peer.id == id).unwrap();
                assert!(status.active_since.is_none());
                if let Some(failure) = status.last_error {
                    return failure;
                }
                tokio::task::yield_now().await;
            }
        };
        let failure = tokio::time::timeout(Duration::from_secs(20), failed).await.unwrap();
        assert_eq!((failure.url.as_str(), failure.reason.as_str()), (url, reason));
    }
    a.stop().await;
}
