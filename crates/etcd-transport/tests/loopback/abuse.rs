//! Whatever comes to the port: an answer or a closed connection, and the port goes on.

use std::time::Duration;

use etcd_membership::MemberId;
use etcd_transport::{Limits, Options};

use crate::raw::{Raw, ask, request};
use crate::support::{CLUSTER, Setup, TestMember, append, silent};

async fn still_serves(member: &TestMember) {
    let (status, ..) = ask(member.address, "GET /version", &[], b"").await;
    assert_eq!(status, 200);
}

fn peer() -> Vec<(&'static str, &'static str)> {
    assert_eq!(CLUSTER.to_string(), "1000");
    vec![
        ("X-Server-From", "2"),
        ("X-Server-Version", "3.7.0"),
        ("X-Min-Cluster-Version", "3.0.0"),
        ("X-Etcd-Cluster-ID", "1000"),
        ("X-Raft-To", "1"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_answered_or_cut_off() {
    let member = TestMember::start(1).await;
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client hello\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
        b"GET /raft HTTP/9.9\r\n\r\n",
        b"GET /members HTTP/1.1\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
        b"POST /raft HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"\r\n\r\n\r\n\r\n hello\r\n\r\n",
    ] {
        let answer = Raw::open(member.address, garbage).await.rest().await;
        let fine = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(fine, "{garbage:?} was answered {answer}");
    }
    still_serves(&member).await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_headers_and_bodies_end() {
    let options = Options { max_message_bytes: 10_000, ..Options::default() };
    let member = Setup { options, ..Setup::new(1) }.start().await;
    let long = "x".repeat(100_000);
    let (status, ..) = ask(member.address, "GET /version", &[("X-Long", &long)], b"").await;
    assert_eq!(status, 431);
    let line = format!("GET /{long}");
    let answer = Raw::open(member.address, &request(&line, &[], b"")).await.rest().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");

    let (status, _, said) = ask(member.address, "POST /raft", &peer(), &[8; 10_001]).await;
    assert_eq!((status, said.as_str()), (400, "error reading raft message\n"));
    let mut unending = Raw::open(member.address, &request("POST /raft", &peer(), b"")).await;
    // Without a length the body is empty, and an empty message is for nobody.
    assert!(unending.until("\r\n\r\n").await.starts_with("HTTP/1.1 412"));
    still_serves(&member).await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_dawdle_are_cut_off() {
    // No shorter: honest requests must be there by then, too.
    let short = Duration::from_secs(2);
    let limits = Limits { header_timeout: short, ..Limits::default() };
    let options = Options { request_timeout: short, snapshot_stall: short, ..Options::default() };
    let member = Setup { limits, options, ..Setup::new(1) }.start().await;
    // Says nothing; says half of a request; keeps a connection for nothing.
    let cut_off = async |bytes: &'static [u8]| Raw::open(member.address, bytes).await.rest().await;
    // Promises a body and does not send it.
    let promise = async |line: &'static str, status: u16| {
        let mut headers = peer();
        headers.push(("Content-Length", "1000"));
        let answer = Raw::open(member.address, &request(line, &headers, b"")).await.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
    };
    tokio::join!(
        cut_off(b""),
        cut_off(b"GET /vers"),
        cut_off(b"GET /version HTTP/1.1\r\nHost: test\r\n\r\n"),
        promise("POST /raft", 408),
        promise("POST /raft/snapshot", 400),
    );
    still_serves(&member).await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_counted() {
    let limits = Limits { max_connections: 2, ..Limits::default() };
    let member = Setup { limits, ..Setup::new(1) }.start().await;
    let version = b"GET /version HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut held = Raw::open(member.address, version).await;
    held.until("etcdserver").await;
    let mut second = Raw::open(member.address, version).await;
    second.until("etcdserver").await;
    let mut third = Raw::open(member.address, version).await;
    let early = tokio::time::timeout(Duration::from_millis(100), third.until("etcdserver")).await;
    assert!(early.is_err(), "the third connection was served while two stood");
    drop(held);
    third.until("etcdserver").await;
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_is_closed() {
    let limits = Limits { write_timeout: Duration::from_millis(200), ..Limits::default() };
    let options = Options { read_timeout: Duration::from_secs(60), ..Options::default() };
    let member = Setup { limits, options, ..Setup::new(1) }.start().await;
    let (_silent, url) = silent().await;
    member.transport.add_peer(MemberId::new(2), &[url]).unwrap();
    let open = request("GET /raft/stream/msgapp/2", &peer(), b"");
    let mut deaf = Raw::open(member.address, &open).await;
    deaf.until("\r\n1\r\n\0\r\n").await;
    let closed = async {
        for index in 0.. {
            member.transport.send(vec![append(2, 2, index, vec![1; 1 << 20])]);
            let failure = member.transport.peer_status()[0].last_error.clone();
            if failure.is_some_and(|failure| failure.reason == "the peer's stream was closed") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
        }
    };
    tokio::time::timeout(Duration::from_secs(60), closed).await.expect("the stream stays open");
    assert!(deaf.write(b"x").await.is_err() || deaf.rest().await.len() > 1000);
    still_serves(&member).await;
    member.stop().await;
}
