//! The JSON gateway over HTTP/1.1.

use etcd_api::{Options, ServeOptions, Workers};

use crate::raw::{Answer, exchange};
use crate::server::Server;

async fn post(server: &Server, path: &str, body: &str) -> Answer {
    send(server, "POST", path, "", body).await
}

async fn send(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    Answer::parse(&exchange(server.address, request.as_bytes()).await)
}

const HEADER: &str = r#""header":{"cluster_id":"14841639940486409547","member_id":"10276657743932975437","revision":"2","raft_term":"7"}"#;

#[tokio::test]
async fn keys_are_written_and_read() {
    let server = Server::start().await;
    let put = post(&server, "/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#).await;
    assert_eq!((put.status, put.body), (200, format!("{{{HEADER}}}")));
    assert!(put.head.contains("content-type: application/json"), "{}", put.head);
    assert!(put.head.contains("grpc-metadata-content-type: application/grpc"), "{}", put.head);
    for path in ["/v3/kv/range", "/v3beta/kv/range"] {
        let range = post(&server, path, r#"{"key":"Zm9v"}"#).await;
        let kv = r#"{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}"#;
        assert_eq!((range.status, range.body), (200, format!("{{{HEADER},\"kvs\":[{kv}],\"count\":\"1\"}}")));
    }
    let txn = r#"{"compare":[{"key":"Zm9v","target":"VALUE","value":"YmFy"}],"success":[{"requestRange":{"key":"YQ=="}}]}"#;
    let txn = post(&server, "/v3/kv/txn", txn).await;
    assert_eq!(txn.status, 200, "{}", txn.body);
    assert!(
        txn.body.contains(r#""succeeded":true,"responses":[{"response_range":{"header":"#),
        "{}",
        txn.body
    );
}

#[tokio::test]
async fn errors_have_a_status_a_text_and_a_code() {
    let server = Server::start().await;
    for (path, body, status, text, code) in [
        ("/v3/kv/range", "", 400, "etcdserver: key is not provided", 3),
        ("/v3/kv/range", "{", 400, "unexpected EOF", 3),
        ("/v3/kv/range", "x", 400, "invalid character 'x' looking for beginning of value", 3),
        (
            "/v3/kv/compaction",
            r#"{"revision":"9"}"#,
            400,
            "etcdserver: mvcc: required revision is a future revision",
            11,
        ),
        ("/v3/lease/keepalive", "x", 500, "invalid character 'x' looking for beginning of value", 2),
    ] {
        let answer = post(&server, path, body).await;
        let expected = format!(r#"{{"error":"{text}","message":"{text}","code":{code}}}"#);
        assert_eq!((answer.status, answer.body), (status, expected), "{path} {body}");
    }
    server.memory.state().leader = 0;
    let answer =
        send(&server, "POST", "/v3/kv/range", "Grpc-Metadata-hasleader: true\r\n", r#"{"key":"YQ=="}"#).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let server = Server::start().await;
    let found = post(&server, "/v3/nothing", "{}").await;
    assert_eq!((found.status, found.body.as_str()), (404, "Not Found\n"));
    for method in ["GET", "PUT", "DELETE"] {
        let found = send(&server, method, "/v3/kv/range", "", "").await;
        assert_eq!((found.status, found.body.as_str()), (405, "Method Not Allowed\n"));
    }
    assert_eq!(post(&server, "/v3alpha/kv/range", "{}").await.body, "404 page not found\n");

    let mut options = Options::default();
    options.gateway = false;
    let server = Server::start_with(options, ServeOptions::default(), &Workers::default()).await;
    assert_eq!(post(&server, "/v3/kv/range", "{}").await.body, "404 page not found\n");
}

#[tokio::test]
async fn large_requests_are_bounded() {
    let mut options = Options::default();
    options.max_request_bytes = 1 << 10;
    let server = Server::start_with(options, ServeOptions::default(), &Workers::default()).await;
    let body = format!(r#"{{"key":"YQ==","value":"{}"}}"#, "A".repeat(1 << 20));
    let answer = post(&server, "/v3/kv/put", &body).await;
    let text = "grpc: received message larger than max (786439 vs. 525312)";
    assert_eq!(
        (answer.status, answer.body),
        (429, format!(r#"{{"error":"{text}","message":"{text}","code":8}}"#))
    );
    let answer = post(&server, "/v3/kv/put", &format!("{{\"key\":\"{}\"}}", "A".repeat(4 << 20))).await;
    assert!(answer.status == 429 && answer.body.contains("a JSON value is larger than"), "{}", answer.body);
}
