//! Health, version and metrics over plain sockets.

use etcd_api::{Error, Options, ServeOptions, Surface, Workers};
use etcd_proto::etcdserverpb::AlarmMember;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

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
async fn probes_check_one_thing_each() {
    let server = Server::start().await;
    let check = async |target: &str, status: u16, body: &str| {
        let answer = http(server.address, "GET", target).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{target}");
    };
    check("/livez", 200, "ok\n").await;
    check("/livez?verbose", 200, "[+]serializable_read ok\nok\n").await;
    let all =
        "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n";
    check("/readyz?verbose", 200, all).await;
    check(
        "/readyz?verbose&exclude=non_learner&exclude=linearizable_read&exclude=unheard_of",
        200,
        "[+]data_corruption ok\n[+]serializable_read ok\nok\n",
    )
    .await;
    for name in ["data_corruption", "serializable_read", "linearizable_read", "non_learner"] {
        check(&format!("/readyz/{name}"), 200, "ok\n").await;
    }
    check("/livez/linearizable_read", 404, "404 page not found\n").await;

    server.memory.state().alarms = vec![AlarmMember { member_id: memory::MEMBER, alarm: 2 }];
    check("/readyz/data_corruption", 503, "[-]data_corruption failed: alarm activated: CORRUPT\n\n").await;
    check("/livez", 200, "ok\n").await;
    server.memory.state().alarms = vec![AlarmMember { member_id: memory::MEMBER, alarm: 1 }];
    check("/readyz", 200, "ok\n").await;
    server.memory.state().is_learner = true;
    check("/readyz?exclude=linearizable_read", 503,
        "[+]data_corruption ok\n[+]serializable_read ok\n[-]non_learner failed: not supported for learner\n\n").await;
    server.memory.state().read_error = Some(Error::Timeout);
    check("/livez/serializable_read", 503, "[-]serializable_read failed: etcdserver: request timed out\n\n")
        .await;
    assert_eq!(http(server.address, "POST", "/readyz").await.status, 405);

    let metrics = http(server.address, "GET", "/metrics").await.body;
    for line in [
        "etcd_server_healthcheck{type=\"readyz\",name=\"data_corruption\"} 1\n",
        "etcd_server_healthcheck{type=\"livez\",name=\"serializable_read\"} 0\n",
        "etcd_server_healthchecks_total{type=\"readyz\",name=\"non_learner\",status=\"error\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[tokio::test]
async fn browsers_and_foreign_hosts() {
    let mut options = Options::default();
    options.cors = vec!["http://a".to_owned()];
    options.host_whitelist = vec!["etcd".to_owned()];
    let server = Server::start_with(options, ServeOptions::default(), &Workers::default()).await;
    let ask = async |method: &str, host: &str, origin: &str| {
        let request = format!(
            "{method} /health HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n"
        );
        Answer::parse(&exchange(server.address, request.as_bytes()).await)
    };
    let answer = ask("GET", "etcd:2379", "http://a").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("access-control-allow-origin: http://a"), "{}", answer.head);
    assert!(!ask("GET", "etcd", "http://b").await.head.contains("access-control"));
    let asked = ask("OPTIONS", "etcd", "http://a").await;
    assert_eq!((asked.status, asked.body.as_str()), (200, ""));
    assert!(
        asked.head.contains("access-control-allow-methods: post, get, options, put, delete"),
        "{}",
        asked.head
    );
    let refused = ask("GET", "evil.example", "http://a").await;
    assert_eq!(refused.status, 421);
    assert!(
        refused.body.contains("CVE-2018-5702") && refused.body.contains("evil.example"),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn listeners_can_be_for_a_part_of_it() {
    let server = Server::start_on(Surface::Metrics).await;
    for path in ["/health", "/metrics", "/livez", "/readyz/linearizable_read"] {
        assert_eq!(http(server.address, "GET", path).await.status, 200, "{path}");
    }
    for path in ["/version", "/v3/kv/range", "/debug/vars"] {
        assert_eq!(http(server.address, "GET", path).await.status, 404, "{path}");
    }
    let server = Server::start_on(Surface::Grpc).await;
    let answer = http(server.address, "GET", "/health").await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "HTTP is served at --listen-client-http-urls\n"));
    let mut health = HealthClient::new(server.channel().await);
    let request = HealthCheckRequest::default();
    let served = health.check(request.clone()).await.expect("gRPC is served").into_inner();
    assert_eq!(served.status(), ServingStatus::Serving);
    server.api.set_serving(false).await;
    let served = health.check(request.clone()).await.expect("gRPC is served").into_inner();
    assert_eq!(served.status(), ServingStatus::NotServing);
    let server = Server::start_on(Surface::Http).await;
    assert_eq!(http(server.address, "GET", "/version").await.status, 200);
    let refused = HealthClient::new(server.channel().await).check(request).await.expect_err("no gRPC here");
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
    let vars = http(server.address, "GET", "/debug/vars").await;
    assert!(vars.body.contains("\"raftState\": \"StateLeader\""), "{}", vars.body);
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
