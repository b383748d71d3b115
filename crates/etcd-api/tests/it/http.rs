//! Health, version and metrics over plain sockets.

use etcd_api::Error;
use etcd_proto::etcdserverpb::AlarmMember;

use crate::memory;
use crate::raw::{Answer, exchange, http};
use crate::server::Server;

#[tokio::test]
async fn health_is_true_while_reads_are_answered() {
    let server = Server::start().await;
    let answer = http(server.address, "GET", "/health").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"health":"true","reason":""}"#));
}

#[tokio::test]
async fn health_names_what_is_wrong() {
    let server = Server::start().await;
    let check = async |target: &str, reason: &str| {
        let answer = http(server.address, "GET", target).await;
        let (status, body) = match reason {
            "" => (200, r#"{"health":"true","reason":""}"#.to_owned()),
            _ => (503, format!("{{\"health\":\"false\",\"reason\":\"{reason}\"}}\n")),
        };
        assert_eq!((answer.status, answer.body), (status, body), "{target}");
    };
    server.memory.state().leader = 0;
    check("/health", "RAFT NO LEADER").await;
    check("/health?serializable=true", "").await;
    check("/health?serializable=false", "RAFT NO LEADER").await;
    server.memory.state().leader = memory::MEMBER;
    server.memory.state().read_error = Some(Error::Timeout);
    check("/health", "RANGE ERROR:etcdserver: request timed out").await;
    server.memory.state().read_error = None;
    server.memory.state().alarms = vec![AlarmMember { member_id: memory::MEMBER, alarm: 1 }];
    check("/health", "ALARM NOSPACE").await;
    check("/health?exclude=NOSPACE", "").await;
    check("/health?exclude=CORRUPT&exclude=NOSPACE", "").await;
    server.memory.state().alarms.push(AlarmMember { member_id: memory::MEMBER, alarm: 2 });
    check("/health?exclude=NOSPACE", "ALARM CORRUPT").await;
    server.memory.state().alarms = vec![AlarmMember { member_id: memory::MEMBER, alarm: 77 }];
    check("/health?exclude=NOSPACE", "ALARM UNKNOWN").await;
}

#[tokio::test]
async fn version_tells_three_versions() {
    let server = Server::start().await;
    let answer = http(server.address, "GET", "/version").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: application/json"));
    assert_eq!(answer.body, r#"{"etcdserver":"3.7.0","etcdcluster":"3.7.0","storage":"unknown"}"#);
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let server = Server::start().await;
    assert_eq!(http(server.address, "GET", "/health").await.status, 200);
    let answer = http(server.address, "GET", "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    for line in [
        "# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n",
        "# TYPE etcd_server_proposals_committed_total gauge\netcd_server_proposals_committed_total 12\n",
        "etcd_server_id{server_id=\"8e9e05c52164694d\"} 1\n",
        "etcd_server_version{server_version=\"3.7.0\"} 1\n",
        "etcd_server_health_success 1\n",
        "etcd_mvcc_db_total_size_in_use_in_bytes 16384\n",
    ] {
        assert!(answer.body.contains(line), "{line}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let server = Server::start().await;
    let missing = http(server.address, "GET", "/nope").await;
    assert_eq!((missing.status, missing.body.as_str()), (404, "404 page not found\n"));
    assert_eq!(http(server.address, "POST", "/etcdserverpb.KV/Range").await.status, 404);
    for path in ["/health", "/version"] {
        let refused = http(server.address, "POST", path).await;
        assert_eq!((refused.status, refused.body.as_str()), (405, "Method Not Allowed\n"));
        assert!(refused.head.contains("allow: get"), "{}", refused.head);
    }
}

#[tokio::test]
async fn old_http_is_answered_and_the_connection_closed() {
    let server = Server::start().await;
    let answer = Answer::parse(&exchange(server.address, b"GET /version HTTP/1.0\r\n\r\n").await);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn one_connection_serves_several_requests() {
    let server = Server::start().await;
    let twice = "GET /version HTTP/1.1\r\nHost: a\r\n\r\nGET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let text = exchange(server.address, twice.as_bytes()).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
}
