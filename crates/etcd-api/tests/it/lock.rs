//! Locks that nobody else wants; `tests/it` of the workspace has the waits.

use std::time::Duration;

use etcd_proto::v3lockpb::lock_client::LockClient;
use etcd_proto::v3lockpb::{LockRequest, UnlockRequest};
use tonic::Code;

use crate::memory::{MEMBER, TERM};
use crate::raw::http;
use crate::server::Server;

fn lock(lease: i64) -> LockRequest {
    LockRequest { name: "l".into(), lease }
}

#[tokio::test]
async fn a_lock_is_a_key_and_unlocking_deletes_it() {
    let server = Server::start().await;
    let mut client = LockClient::new(server.channel().await);
    let locked = client.lock(lock(7)).await.unwrap().into_inner();
    let header = locked.header.unwrap();
    assert_eq!((header.member_id, header.raft_term, header.revision), (MEMBER, TERM, 2));
    assert_eq!(locked.key, "l/7");
    assert_eq!(server.memory.state().keys.keys().collect::<Vec<_>>(), ["l/7"]);
    client.unlock(UnlockRequest { key: locked.key }).await.unwrap();
    assert!(server.memory.state().keys.is_empty());
    let refused = client.unlock(UnlockRequest::default()).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unknown, "etcdserver: key is not provided"));
}

/// The transaction may be done after its caller has gone: then nobody would delete the key.
#[tokio::test]
async fn a_key_that_comes_after_its_caller_has_gone_is_deleted() {
    let server = Server::start().await;
    server.memory.state().stuck_key = Some("l/7".into());
    let mut client = LockClient::new(server.channel().await);
    let waiting = tokio::spawn(async move { client.lock(lock(7)).await });
    let started = r#"grpc_server_msg_received_total{grpc_type="unary",grpc_service="v3lockpb.Lock",grpc_method="Lock"} 1"#;
    let canceled = r#"grpc_service="v3lockpb.Lock",grpc_method="Lock",grpc_code="Canceled"} 1"#;
    await_line(&server, started).await;
    waiting.abort();
    await_line(&server, canceled).await;
    assert_eq!(server.memory.state().revision, 1);
    server.memory.state().stuck_key = None;
    tokio::time::timeout(Duration::from_secs(60), async {
        while server.memory.state().revision < 3 {
            tokio::time::sleep(Duration::from_millis(1)).await; // between two looks
        }
    })
    .await
    .expect("the key is written and deleted");
    assert!(server.memory.state().keys.is_empty());
}

async fn await_line(server: &Server, line: &str) {
    tokio::time::timeout(Duration::from_secs(60), async {
        while !http(server.address, "GET", "/metrics").await.body.contains(line) {
            tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
        }
    })
    .await
    .unwrap_or_else(|_| panic!("no {line}"));
}
