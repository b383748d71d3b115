//! Stopping: open calls finish, idle connections close, and nothing holds the server for ever.

use std::time::Duration;

use etcd_api::{Options, ServeOptions, Workers};
use etcd_proto::etcdserverpb::RangeRequest;
use etcd_proto::etcdserverpb::kv_client::KvClient;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::raw::{PATIENCE, http};
use crate::server::Server;

/// Starts a call that waits for its key.
async fn stuck_call(server: &Server) -> JoinHandle<Result<(), tonic::Status>> {
    server.memory.state().stuck_key = Some("k".into());
    let mut kv = KvClient::new(server.channel().await);
    let get = RangeRequest { key: "k".into(), ..RangeRequest::default() };
    let call = tokio::spawn(async move { kv.range(get).await.map(drop) });
    let received = async {
        let line =
            r#"msg_received_total{grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Range"} 1"#;
        while !http(server.address, "GET", "/metrics").await.body.contains(line) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, received).await.expect("the call arrives");
    call
}

#[tokio::test]
async fn open_calls_finish_and_idle_connections_close() {
    for workers in [Workers::default(), Workers::start(2).expect("two threads")] {
        let server = Server::start_with(Options::default(), ServeOptions::default(), &workers).await;
        let silent = TcpStream::connect(server.address).await.expect("the server listens");
        let idle = server.channel().await;
        let call = stuck_call(&server).await;
        server.drain.cancel();
        server.memory.state().stuck_key = None;
        assert!(call.await.expect("no panic").is_ok(), "the open call is answered");
        timeout(PATIENCE, server.task).await.expect("the server ends").expect("no panic");
        assert!(TcpStream::connect(server.address).await.is_err(), "the port is closed");
        drop((silent, idle));
    }
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_off() {
    let mut options = ServeOptions::default();
    options.drain_timeout = Duration::from_millis(100);
    let server = Server::start_with(Options::default(), options, &Workers::default()).await;
    let call = stuck_call(&server).await;
    server.drain.cancel();
    timeout(PATIENCE, server.task).await.expect("the server ends").expect("no panic");
    assert!(call.await.expect("no panic").is_err());
}

#[tokio::test]
async fn workers_share_the_connections() {
    let workers = Workers::start(2).expect("two threads");
    let server = Server::start_with(Options::default(), ServeOptions::default(), &workers).await;
    for number in 0..20_i64 {
        let mut kv = KvClient::new(server.channel().await);
        let key = number.to_string();
        let get = RangeRequest { key: key.into(), ..RangeRequest::default() };
        assert_eq!(kv.range(get).await.expect("it is served").into_inner().count, 0);
    }
    server.drain.cancel();
    timeout(PATIENCE, server.task).await.expect("the server ends").expect("no panic");
}
