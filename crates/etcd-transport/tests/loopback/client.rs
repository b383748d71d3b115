//! Asking members before being one.

use std::time::Duration;

use etcd_transport::{FetchError, PeerClient};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::raw::ask;
use crate::support::{CLUSTER, TestMember};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_versions_are_told() {
    let member = TestMember::start(1).await;
    let client = PeerClient::new(None);
    let (cluster, members) = client.fetch_members(&member.url(), PATIENCE).await.unwrap();
    assert_eq!((cluster, members.len(), members[0].name.as_str()), (CLUSTER, 1, "one"));
    let versions = client.fetch_version(&member.url(), PATIENCE).await.unwrap();
    assert_eq!((versions.server.as_str(), versions.cluster.as_str()), ("3.7.0", "3.7.0"));

    let (status, head, body) = ask(member.address, "GET /members", &[], b"").await;
    assert_eq!(status, 200);
    assert!(head.contains("x-etcd-cluster-id: 1000") && head.contains("content-type: application/json"));
    assert_eq!(body, "[{\"id\":1,\"peerURLs\":[\"http://127.0.0.1:2380\"],\"name\":\"one\"}]\n");
    let (_, _, body) = ask(member.address, "GET /version", &[], b"").await;
    assert_eq!(body, r#"{"etcdserver":"3.7.0","etcdcluster":"3.7.0","storage":"unknown"}"#);
    let (status, _, body) = ask(member.address, "GET /raft/probing", &[], b"").await;
    assert_eq!(status, 200);
    assert!(body.starts_with(r#"{"OK":true,"Now":"2"#), "{body}");
    member.stop().await;
}

/// Answers one connection with these bytes.
async fn answering(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(&answer).await;
        // Open until the client has had enough.
        let _ = stream.read(&mut request).await;
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_answers_are_errors() {
    let head = "HTTP/1.1 200 OK\r\nX-Etcd-Cluster-ID: 1000\r\n";
    let body = |body: &str| format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    for (answer, want) in [
        (body("[]"), ""),
        (body("null"), ""),
        (body("<html>"), "expected value"),
        (body("[{\"id\":\"one\"}]"), "invalid type"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]".to_owned(), "no cluster id"),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nno!".to_owned(), "500 Internal Server Error: no!"),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\n200000\r\n{}", " ".repeat(0x20_0000)), "limit"),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "invalid HTTP"),
        (format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(200_000)), "too large"),
    ] {
        let url = answering(answer.into_bytes()).await;
        let outcome = PeerClient::new(None).fetch_members(&url, PATIENCE).await;
        match outcome {
            Ok(_) => assert_eq!(want, ""),
            Err(error) => {
                let text = error.to_string();
                assert!(!want.is_empty() && text.contains(want), "{text}, not {want}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_there_or_says_nothing_is_an_error() {
    let client = PeerClient::new(None);
    let refused = client.fetch_version("http://127.0.0.1:1", PATIENCE).await.unwrap_err();
    assert_eq!(refused.to_string(), "could not ask http://127.0.0.1:1: connection refused");
    let bad = client.fetch_version("127.0.0.1", PATIENCE).await.unwrap_err();
    assert!(matches!(bad, FetchError::Url(_)));
    let tls = client.fetch_version("https://127.0.0.1:1", PATIENCE).await.unwrap_err();
    assert!(tls.to_string().contains("needs TLS"), "{tls}");
    let url = answering(Vec::new()).await;
    let silent = client.fetch_version(&url, Duration::from_millis(100)).await.unwrap_err();
    assert!(silent.to_string().contains("did not answer in time"), "{silent}");
}
