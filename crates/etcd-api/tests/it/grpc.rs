//! The gRPC services, driven by tonic's clients.

use etcd_proto::etcdserverpb::cluster_client::ClusterClient;
use etcd_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::watch_client::WatchClient;
use etcd_proto::etcdserverpb::{
    AlarmMember, AlarmRequest, CompactionRequest, Compare, DefragmentRequest, DeleteRangeRequest,
    HashKvRequest, MemberAddRequest, MemberListRequest, PutRequest, RangeRequest, RequestOp, SnapshotRequest,
    StatusRequest, TxnRequest, WatchRequest,
};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::memory;
use crate::server::Server;

fn put(key: &'static str, value: &'static str) -> PutRequest {
    PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
}

fn seen<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("it is refused");
    assert!(status.details().is_empty());
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn a_put_is_read_back_with_a_full_header() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    let header = kv.put(put("foo", "bar")).await.unwrap().into_inner().header.unwrap();
    assert_eq!(header.cluster_id, memory::CLUSTER);
    assert_eq!(header.member_id, memory::MEMBER);
    assert_eq!(header.raft_term, memory::TERM);
    assert_eq!(header.revision, 2);
    let range = RangeRequest { key: "foo".into(), ..RangeRequest::default() };
    let found = kv.range(range).await.unwrap().into_inner();
    assert_eq!(found.kvs[0].value, "bar");
    assert_eq!(found.header.unwrap().revision, 2);
}

#[tokio::test]
async fn deletes_transactions_and_compactions_reach_the_replica() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    kv.put(put("a", "1")).await.unwrap();
    kv.put(put("b", "2")).await.unwrap();
    let compare = Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Value as i32,
        key: "a".into(),
        target_union: Some(TargetUnion::Value("1".into())),
        ..Compare::default()
    };
    let op = RequestOp { request: Some(Request::RequestPut(put("c", "3"))) };
    let txn = TxnRequest { compare: vec![compare], success: vec![op], failure: Vec::new() };
    let done = kv.txn(txn).await.unwrap().into_inner();
    assert!(done.succeeded);
    assert_eq!(done.header.unwrap().revision, 4);
    let all = DeleteRangeRequest { key: "a".into(), range_end: "z".into(), prev_kv: true };
    let deleted = kv.delete_range(all).await.unwrap().into_inner();
    assert_eq!((deleted.deleted, deleted.prev_kvs.len()), (3, 3));
    let compact = |revision| CompactionRequest { revision, physical: false };
    let header = kv.compact(compact(2)).await.unwrap().into_inner().header.unwrap();
    assert_eq!(header.member_id, memory::MEMBER);
    let refused = seen(kv.compact(compact(99)).await);
    assert_eq!(
        refused,
        (Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision".to_owned())
    );
}

#[tokio::test]
async fn bad_requests_get_their_code_and_text() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    let check = |found: (Code, String), text: &str| {
        assert_eq!(found, (Code::InvalidArgument, format!("etcdserver: {text}")));
    };
    check(seen(kv.range(RangeRequest::default()).await), "key is not provided");
    let sorted = RangeRequest { key: "k".into(), sort_order: 9, ..RangeRequest::default() };
    check(seen(kv.range(sorted).await), "invalid sort option");
    check(seen(kv.put(put("", "v")).await), "key is not provided");
    let ignoring = PutRequest { ignore_value: true, ..put("k", "v") };
    check(seen(kv.put(ignoring).await), "value is provided");
    check(seen(kv.delete_range(DeleteRangeRequest::default()).await), "key is not provided");
    let op = || RequestOp { request: Some(Request::RequestPut(put("k", "v"))) };
    let twice = TxnRequest { success: vec![op(), op()], ..TxnRequest::default() };
    check(seen(kv.txn(twice).await), "duplicate key given in txn request");
    let many = TxnRequest { failure: vec![op(); 129], ..TxnRequest::default() };
    check(seen(kv.txn(many).await), "too many operations in txn request");
    assert_eq!(server.memory.state().revision, 1, "nothing reached the replica");
}

#[tokio::test]
async fn members_are_listed() {
    let server = Server::start().await;
    let mut cluster = ClusterClient::new(server.channel().await);
    let list = |linearizable| MemberListRequest { linearizable };
    let found = cluster.member_list(list(true)).await.unwrap().into_inner();
    let header = found.header.unwrap();
    assert_eq!((header.member_id, header.revision), (memory::MEMBER, 0));
    let member = &found.members[0];
    assert_eq!((member.id, member.name.as_str()), (memory::MEMBER, "memory"));
    assert_eq!(member.peer_ur_ls, ["http://127.0.0.1:2380"]);
    assert_eq!(member.client_ur_ls, ["http://127.0.0.1:2379"]);
    server.memory.state().leader = 0;
    assert!(cluster.member_list(list(false)).await.is_ok());
    let refused = seen(cluster.member_list(list(true)).await);
    assert_eq!(refused, (Code::Unavailable, "etcdserver: no leader".to_owned()));
}

#[tokio::test]
async fn status_hash_and_alarms_are_answered() {
    let server = Server::start().await;
    let mut maintenance = MaintenanceClient::new(server.channel().await);
    let status = maintenance.status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.version.as_str(), status.leader), ("3.7.0", memory::MEMBER));
    assert_eq!((status.raft_index, status.raft_applied_index, status.raft_term), (12, 11, memory::TERM));
    assert_eq!((status.db_size, status.db_size_in_use, status.db_size_quota), (20_480, 16_384, 2 << 30));
    assert_eq!(status.errors, Vec::<String>::new());
    let hash = maintenance.hash_kv(HashKvRequest { revision: 0 }).await.unwrap().into_inner();
    assert_eq!((hash.hash, hash.compact_revision, hash.hash_revision), (42, -1, 1));

    server.memory.state().leader = 0;
    server.memory.state().alarms = vec![AlarmMember { member_id: 255, alarm: 1 }];
    let status = maintenance.status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.errors, ["etcdserver: no leader", "memberID:255 alarm:NOSPACE"]);
    server.memory.state().leader = memory::MEMBER;
    let ask = |alarm| AlarmRequest { alarm, ..AlarmRequest::default() };
    assert_eq!(maintenance.alarm(ask(0)).await.unwrap().into_inner().alarms.len(), 1);
    assert_eq!(maintenance.alarm(ask(1)).await.unwrap().into_inner().alarms.len(), 1);
    assert_eq!(maintenance.alarm(ask(2)).await.unwrap().into_inner().alarms.len(), 0);
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let check = |found: (Code, String), text: &str| assert_eq!(found, (Code::Unimplemented, text.to_owned()));
    let mut kv = KvClient::new(channel.clone());
    let sorted = RangeRequest { key: "k".into(), sort_order: 2, ..RangeRequest::default() };
    check(seen(kv.range_stream(sorted).await), "RangeStream does not support custom sort orders");
    let filtered = RangeRequest { key: "k".into(), min_mod_revision: 2, ..RangeRequest::default() };
    check(seen(kv.range_stream(filtered).await), "RangeStream does not support revision filters");
    let mut cluster = ClusterClient::new(channel.clone());
    let add = cluster.member_add(MemberAddRequest::default()).await;
    check(seen(add), "etcdserver: MemberAdd is not available in this version");
    let mut maintenance = MaintenanceClient::new(channel.clone());
    let defragment = maintenance.defragment(DefragmentRequest {}).await;
    check(seen(defragment), "etcdserver: Defragment is not available in this version");
    let snapshot = maintenance.snapshot(SnapshotRequest {}).await;
    check(seen(snapshot), "etcdserver: Snapshot is not available in this version");
    let raise = maintenance.alarm(AlarmRequest { action: 1, ..AlarmRequest::default() }).await;
    check(seen(raise), "etcdserver: raising and clearing alarms is not available in this version");
    let watch = WatchClient::new(channel).watch(tokio_stream::empty::<WatchRequest>()).await;
    check(seen(watch), "etcdserver: Watch is not available in this version");
}

#[tokio::test]
async fn a_replica_without_cursors_streams_one_message() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    kv.put(PutRequest { key: "k".into(), value: "v".into(), ..PutRequest::default() }).await.unwrap();
    let all = RangeRequest { key: "\0".into(), range_end: "\0".into(), ..RangeRequest::default() };
    let whole = kv.range(all.clone()).await.unwrap().into_inner();
    let mut stream = kv.range_stream(all).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().range_response, Some(whole));
    assert_eq!(stream.message().await.unwrap(), None);
}

#[tokio::test]
async fn the_health_service_serves() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel().await);
    let check = |service: &str| HealthCheckRequest { service: service.to_owned() };
    assert_eq!(health.check(check("")).await.unwrap().into_inner().status, 1);
    assert_eq!(seen(health.check(check("nobody")).await).0, Code::NotFound);
    let mut watch = health.watch(check("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
}
