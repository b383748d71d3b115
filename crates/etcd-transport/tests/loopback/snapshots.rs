//! Databases travel behind their message.

use std::io::{self, Write};
use std::time::Duration;

use etcd_membership::MemberId;
use etcd_transport::{Options, SnapshotSource};

use crate::support::{Setup, TestMember, heartbeat, pair, silent, snapshot, sum};

/// Writes so many bytes, and then perhaps fails.
struct Source {
    data: Vec<u8>,
    fails: bool,
}

impl SnapshotSource for Source {
    fn write_to(self: Box<Self>, out: &mut dyn Write) -> io::Result<u64> {
        for piece in self.data.chunks(10_007) {
            out.write_all(piece)?;
        }
        if self.fails { Err(io::Error::other("bad sector")) } else { Ok(self.data.len() as u64) }
    }
}

fn source(size: usize, fails: bool) -> Box<Source> {
    Box::new(Source { data: (0..size).map(|n| (n % 251) as u8).collect(), fails })
}

async fn reported(member: &TestMember, count: usize) -> Vec<(MemberId, bool)> {
    let all = |notes: &crate::support::Notes| notes.snapshots.clone();
    member.node.until("the report", |notes| (notes.snapshots.len() >= count).then(|| all(notes))).await
}

const TO: MemberId = MemberId::new(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_50_mb_arrives_whole_while_messages_flow() {
    let (a, b) = (TestMember::start(1).await, TestMember::start(2).await);
    pair(&a, &b);
    a.connected(&b).await;
    let (size, message) = (50 << 20, snapshot(1, 2, 77));
    let database = source(size, false);
    let want = (size as u64, sum(&database.data));
    a.transport.send_snapshot(message.clone(), database);
    a.transport.send(vec![heartbeat(1, 2, 1)]);
    assert_eq!(reported(&a, 1).await, [(TO, true)]);
    b.node.check(|notes| {
        assert_eq!(notes.stored, [want]);
        assert!(notes.messages.contains(&message));
        assert!(notes.messages.contains(&heartbeat(1, 2, 1)));
    });
    assert!(a.metrics().contains("etcd_network_snapshot_send_success{To=\"2\"} 1"));
    assert!(a.metrics().contains("etcd_network_snapshot_send_inflights_total{To=\"2\"} 0"));
    assert!(b.metrics().contains("etcd_network_snapshot_receive_success{From=\"1\"} 1"));
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_be_read_or_stored_is_reported_and_not_taken() {
    let (a, b) = (TestMember::start(1).await, TestMember::start(2).await);
    pair(&a, &b);
    a.transport.send_snapshot(snapshot(1, 2, 1), source(3 << 20, true));
    assert_eq!(reported(&a, 1).await, [(TO, false)]);
    b.node.until("the broken stream", |notes| (notes.store_errors.len() == 1).then_some(())).await;

    *b.node.store_limit.lock() = Some(1 << 20);
    a.transport.send_snapshot(snapshot(1, 2, 2), source(30 << 20, false));
    assert_eq!(reported(&a, 2).await[1], (TO, false));
    b.node.until("the full disk", |notes| (notes.store_errors.len() == 2).then_some(())).await;

    b.node.check(|notes| {
        assert_eq!(notes.store_errors[1], "disk full");
        assert!(notes.stored.is_empty() && notes.messages.is_empty());
    });
    assert!(a.metrics().contains("etcd_network_snapshot_send_failures{To=\"2\"} 2"));

    // The way is free again.
    *b.node.store_limit.lock() = None;
    a.transport.send_snapshot(snapshot(1, 2, 3), source(1000, false));
    assert_eq!(reported(&a, 3).await[2], (TO, true));
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_stalls_is_given_up_and_a_second_snapshot_fails_at_once() {
    let stall = Duration::from_millis(300);
    let options = Options { snapshot_stall: stall, snapshot_answer: stall, ..Options::default() };
    let a = Setup { options, ..Setup::new(1) }.start().await;
    let (_silent, url) = silent().await;
    a.transport.add_peer(TO, &[url]).unwrap();
    a.transport.send_snapshot(snapshot(1, 2, 1), source(30 << 20, false));
    a.transport.send_snapshot(snapshot(1, 2, 1), source(10, false));
    assert_eq!(reported(&a, 2).await, [(TO, false), (TO, false)]);
    a.transport.send_snapshot(snapshot(1, 9, 1), source(10, false));
    assert_eq!(reported(&a, 3).await[2], (MemberId::new(9), false), "nobody is there");
    a.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_removed_ends_its_snapshot() {
    let a = TestMember::start(1).await;
    let (silent, url) = silent().await;
    a.transport.add_peer(TO, &[url]).unwrap();
    a.transport.send_snapshot(snapshot(1, 2, 1), source(30 << 20, false));
    let _accepted = silent.accept().await.unwrap();
    a.transport.remove_peer(TO);
    assert_eq!(reported(&a, 1).await, [(TO, false)]);
    a.stop().await;
}
