//! What holds for every call, seen from the client.

use std::time::Duration;

use etcd_api::{Options, ServeOptions, Workers};
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcd_proto::etcdserverpb::{PutRequest, RangeRequest, StatusRequest};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status};

use crate::raw::http;
use crate::server::Server;

fn get(serializable: bool) -> RangeRequest {
    RangeRequest { key: "k".into(), serializable, ..RangeRequest::default() }
}

fn refused(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

#[tokio::test]
async fn a_learner_answers_only_status_and_serializable_reads() {
    let server = Server::start().await;
    server.memory.state().is_learner = true;
    let channel = server.channel().await;
    let mut kv = KvClient::new(channel.clone());
    let no = (Code::FailedPrecondition, "etcdserver: rpc not supported for learner");
    assert_eq!(refused(&kv.range(get(false)).await.unwrap_err()), no);
    assert_eq!(
        refused(&kv.put(PutRequest { key: "k".into(), ..PutRequest::default() }).await.unwrap_err()),
        no
    );
    assert!(kv.range(get(true)).await.is_ok());
    assert!(MaintenanceClient::new(channel).status(StatusRequest {}).await.unwrap().into_inner().is_learner);
}

#[tokio::test]
async fn a_call_that_needs_a_leader_fails_without_one() {
    let server = Server::start().await;
    server.memory.state().leader = 0;
    let mut kv = KvClient::new(server.channel().await);
    let mut request = Request::new(get(true));
    request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
    assert_eq!(refused(&kv.range(request).await.unwrap_err()), (Code::Unavailable, "etcdserver: no leader"));
    assert!(kv.range(get(true)).await.is_ok());
}

#[tokio::test]
async fn clients_are_counted_by_version() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    let mut request = Request::new(get(true));
    request.metadata_mut().insert("client-api-version", MetadataValue::from_static("3.6"));
    kv.range(request).await.unwrap();
    kv.range(get(true)).await.unwrap();
    let page = http(server.address, "GET", "/metrics").await.body;
    for version in ["3.6", "unknown"] {
        let line = format!(
            "etcd_server_client_requests_total{{type=\"unary\",client_api_version=\"{version}\"}} 1\n"
        );
        assert!(page.contains(&line), "{line}");
    }
    let labels = r#"grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Range",grpc_code="OK""#;
    assert!(page.contains(&format!("grpc_server_handled_total{{{labels}}} 2\n")));
}

#[tokio::test]
async fn a_request_above_the_limit_is_refused_in_the_words_of_grpc_go() {
    let mut options = Options::default();
    options.max_request_bytes = 1000;
    let limit = 1000 + (512 << 10);
    let server = Server::start_with(options, ServeOptions::default(), &Workers::default()).await;
    let mut kv = KvClient::new(server.channel().await);
    let put =
        |size: usize| PutRequest { key: "k".into(), value: vec![0; size].into(), ..PutRequest::default() };
    assert!(kv.put(put(limit - 100)).await.is_ok());
    let status = kv.put(put(limit)).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(
        status.message(),
        format!("grpc: received message larger than max ({} vs. {limit})", limit + 7)
    );
    assert!(kv.put(put(10)).await.is_ok(), "the connection survives");
}

#[tokio::test]
async fn a_departed_client_is_counted() {
    let server = Server::start().await;
    server.memory.state().stuck_key = Some("k".into());
    let mut client = KvClient::new(server.channel().await);
    let labels =
        r#"grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Range",grpc_code="Canceled""#;
    let line = format!("grpc_server_handled_total{{{labels}}} 1\n");
    let call = tokio::spawn(async move { client.range(get(true)).await });
    let received = r#"grpc_server_msg_received_total{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Range"} 1"#;
    until_metrics_show(&server, received).await;
    call.abort();
    until_metrics_show(&server, &line).await;
}

/// Waits until the page holds this line.
async fn until_metrics_show(server: &Server, line: &str) {
    let shown = async {
        while !http(server.address, "GET", "/metrics").await.body.contains(line) {
            tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
        }
    };
    tokio::time::timeout(crate::raw::PATIENCE, shown).await.expect(line);
}
