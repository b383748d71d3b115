//! Who may open a stream or post a message, and what the others are told.

use etcd_membership::{ClusterId, MemberId};
use etcd_proto::prost::Message as _;

use crate::raw::{Raw, ask, request};
use crate::support::{Setup, TestMember, heartbeat, silent};

const GOOD: [(&str, &str); 5] = [
    ("X-Server-From", "2"),
    ("X-Server-Version", "3.4.23"),
    ("X-Min-Cluster-Version", "3.0.0"),
    ("X-Etcd-Cluster-ID", "1000"),
    ("X-Raft-To", "1"),
];

/// The good headers, but one.
fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = GOOD.into_iter().filter(|(known, _)| *known != name);
    others.chain((!value.is_empty()).then_some((name, value))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_refused_as_etcd_does() {
    let member = TestMember::start(1).await;
    member.transport.add_peer(MemberId::new(2), &["http://127.0.0.1:1".to_owned()]).unwrap();
    member.node.removed.lock().insert(3);
    let good = GOOD.to_vec();
    let cases = [
        ("POST /raft/stream/message/2", good.clone(), 405, "Method Not Allowed\n"),
        ("GET /raft/stream/message/3", good.clone(), 410, "removed member\n"),
        ("GET /raft/stream/message/4", good.clone(), 404, "error sender not found\n"),
        ("GET /raft/stream/message/zz", good.clone(), 404, "invalid from\n"),
        ("GET /raft/stream/message/2/2", good.clone(), 404, "invalid path\n"),
        ("GET /raft/stream/other/2", good.clone(), 404, "invalid path\n"),
        ("GET /raft/stream/msgapp/2", with("X-Raft-To", "7"), 412, "to field mismatch\n"),
        ("GET /raft/stream/msgapp/2", with("X-Raft-To", ""), 412, "to field mismatch\n"),
        ("GET /raft/stream/msgapp/2", with("X-Etcd-Cluster-ID", "2000"), 412, "cluster ID mismatch\n"),
        ("GET /raft/stream/msgapp/2", with("X-Etcd-Cluster-ID", ""), 412, "cluster ID mismatch\n"),
        ("GET /raft/stream/msgapp/2", with("X-Server-Version", "2.3.8"), 412, "incompatible version\n"),
        ("GET /raft/stream/msgapp/2", with("X-Min-Cluster-Version", "3.8.0"), 412, "incompatible version\n"),
    ];
    for (line, headers, status, body) in cases {
        let (got, head, said) = ask(member.address, line, &headers, b"").await;
        assert_eq!((got, said.as_str()), (status, body), "{line} {headers:?}");
        if status == 405 {
            assert!(head.contains("allow: get"), "{head}");
            continue;
        }
        assert!(head.contains("x-etcd-cluster-id: 1000"), "{head}");
        assert!(head.contains("x-server-version: 3.7.0"), "{head}");
    }
    member
        .node
        .until("the mismatch", |notes| {
            notes.mismatches.contains(&(MemberId::new(2), ClusterId::new(0x2000))).then_some(())
        })
        .await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_begins_with_headers_and_a_heartbeat_and_a_newer_one_supersedes_it() {
    let member = TestMember::start(1).await;
    let (_silent, url) = silent().await;
    member.transport.add_peer(MemberId::new(2), &[url]).unwrap();
    let open = request("GET /raft/stream/msgapp/2", &GOOD, b"");
    let mut first = Raw::open(member.address, &open).await;
    let head = first.until("\r\n1\r\n\0\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    assert!(head.contains("x-etcd-cluster-id: 1000"), "{head}");
    let mut second = Raw::open(member.address, &open).await;
    second.until("\r\n1\r\n\0\r\n").await;
    assert!(first.rest().await.ends_with("0\r\n\r\n"), "the old stream ends well");
    assert!(member.transport.peer_status()[0].active_since.is_some(), "the new stream is open");
    member.stop().await;
    assert!(second.rest().await.ends_with("0\r\n\r\n"), "so does the new one in the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_are_refused_as_etcd_does() {
    let member = TestMember::start(1).await;
    member.node.removed.lock().insert(3);
    let good = GOOD.to_vec();
    let message = |from, to| heartbeat(from, to, 9).encode_to_vec();
    let removed = r#"{"message":"cannot process message from removed member"}"#;
    let cases = [
        ("GET /raft", good.clone(), vec![], 405, "Method Not Allowed\n"),
        ("POST /raft", with("X-Etcd-Cluster-ID", "2000"), message(2, 1), 412, "cluster ID mismatch\n"),
        ("POST /raft", with("X-Server-Version", "x"), message(2, 1), 412, "incompatible version\n"),
        ("POST /raft", good.clone(), vec![0xff; 30], 400, "error unmarshalling raft message\n"),
        ("POST /raft", good.clone(), message(3, 1), 403, removed),
        ("POST /raft", good.clone(), message(2, 5), 412, "to field mismatch\n"),
        (
            "POST /raft/snapshot",
            good.clone(),
            vec![0xff; 30],
            400,
            "failed to decode raft message (error limit exceeded)\n",
        ),
        (
            "POST /raft/snapshot",
            good.clone(),
            vec![0; 7],
            400,
            "failed to decode raft message (unexpected EOF)\n",
        ),
        ("POST /raft/snapshot", good.clone(), vec![0; 9], 400, "wrong raft message type\n"),
        ("GET /raft/snapshot", good.clone(), vec![], 405, "Method Not Allowed\n"),
        ("POST /members", good.clone(), vec![], 405, "Method Not Allowed\n"),
        ("GET /other", good.clone(), vec![], 404, "404 page not found\n"),
        ("GET /", good.clone(), vec![], 404, "404 page not found\n"),
        ("POST /raft", good.clone(), message(2, 1), 204, ""),
    ];
    for (line, headers, body, status, said) in cases {
        let (got, _, answer) = ask(member.address, line, &headers, &body).await;
        assert_eq!((got, answer.as_str()), (status, said), "{line} {headers:?}");
    }
    let got = member.node.notes.lock().messages.clone();
    assert_eq!(got, [heartbeat(2, 1, 9)], "only the good one came through");
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_different_clusters_tell_their_nodes_in_both_directions() {
    let a = TestMember::start(1).await;
    let b = Setup { cluster: ClusterId::new(0x2000), ..Setup::new(2) }.start().await;
    // Only one of them dials: it hears of the mismatch by the answer, the other by the request.
    a.knows(&b);
    let told = |id, cluster| (MemberId::new(id), ClusterId::new(cluster));
    a.node.until("b's cluster", |n| n.mismatches.contains(&told(2, 0x2000)).then_some(())).await;
    b.node.until("a's cluster", |n| n.mismatches.contains(&told(1, 0x1000)).then_some(())).await;
    let failure = a.transport.peer_status()[0].last_error.clone().unwrap();
    assert_eq!((failure.url, failure.reason.as_str()), (b.url(), "cluster ID mismatch"));
    // Posts are refused as well.
    a.transport.send(vec![heartbeat(1, 2, 1)]);
    a.node.until("the report", |notes| (!notes.unreachable.is_empty()).then_some(())).await;
    assert!(b.node.notes.lock().messages.is_empty());
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_member_is_told() {
    let (a, b) = (TestMember::start(1).await, TestMember::start(2).await);
    b.node.removed.lock().insert(1);
    a.knows(&b);
    a.node.until("410", |notes| notes.removed_by.contains(&MemberId::new(2)).then_some(())).await;
    a.transport.send(vec![heartbeat(1, 2, 1)]);
    a.node.until("403", |notes| (!notes.unreachable.is_empty()).then_some(())).await;
    a.stop().await;
    b.stop().await;
}
