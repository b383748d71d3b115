//! Every call the server knows, made by nobody, by a plain user and by root.
//!
//! The calls are those that the server counts on `/metrics`: one that is not in the table fails the test.

use std::collections::BTreeSet;

use bytes::Bytes;
use etcd_it::{cluster, is_go_3_4, runtime, start};
use etcd_proto::authpb::{Permission, UserAddOptions};
use etcd_proto::etcdserverpb::{self as pb, request_op, watch_request};
use etcd_proto::prost::Message;
use etcd_proto::{v3electionpb, v3lockpb};
use tonic::{Code, Status};

use super::raw::Raw;
use super::{ANN_PASSWORD, ROOT_PASSWORD, set_up};

/// Who is refused, and with which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Nobody is refused.
    Open,
    /// Whoever has not logged in is refused.
    User,
    /// Whoever has not the role `root` is refused.
    Admin,
}

struct Row {
    method: &'static str,
    what: &'static str,
    rule: Rule,
    message: Bytes,
}

fn row(method: &'static str, what: &'static str, rule: Rule, message: impl Message) -> Row {
    Row { method, what, rule, message: message.encode_to_vec().into() }
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn range(key: &'static str, range_end: &'static str) -> pb::RangeRequest {
    pb::RangeRequest { key: bytes(key), range_end: bytes(range_end), ..Default::default() }
}

fn put(key: &'static str) -> pb::PutRequest {
    pb::PutRequest { key: bytes(key), value: bytes("x"), ..Default::default() }
}

fn delete(key: &'static str, range_end: &'static str) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest { key: bytes(key), range_end: bytes(range_end), ..Default::default() }
}

fn op(request: request_op::Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

fn txn(request: request_op::Request) -> pb::TxnRequest {
    pb::TxnRequest { success: vec![op(request)], ..Default::default() }
}

fn compare(key: &'static str, range_end: &'static str) -> pb::TxnRequest {
    let compare = pb::Compare { key: bytes(key), range_end: bytes(range_end), ..Default::default() };
    pb::TxnRequest { compare: vec![compare], ..Default::default() }
}

fn watch(key: &'static str, range_end: &'static str) -> pb::WatchRequest {
    let create =
        pb::WatchCreateRequest { key: bytes(key), range_end: bytes(range_end), ..Default::default() };
    pb::WatchRequest { request_union: Some(watch_request::RequestUnion::CreateRequest(create)) }
}

/// Keys: ann may read and write below `ann/`, and read below `all/`.
fn keys() -> Vec<Row> {
    use Rule::{Admin, User};
    use request_op::Request::{RequestDeleteRange, RequestPut, RequestRange, RequestTxn};
    const RANGE: &str = "etcdserverpb.KV/Range";
    const STREAM: &str = "etcdserverpb.KV/RangeStream";
    const PUT: &str = "etcdserverpb.KV/Put";
    const DELETE: &str = "etcdserverpb.KV/DeleteRange";
    const TXN: &str = "etcdserverpb.KV/Txn";
    const WATCH: &str = "etcdserverpb.Watch/Watch";
    let serializable = |request| pb::RangeRequest { serializable: true, ..request };
    vec![
        row(RANGE, "own key", User, range("ann/1", "")),
        row(RANGE, "own keys", User, range("ann/", "ann0")),
        row(RANGE, "own keys, serializable", User, serializable(range("ann/", "ann0"))),
        row(RANGE, "another's key", Admin, range("root/1", "")),
        row(RANGE, "another's key, serializable", Admin, serializable(range("root/1", ""))),
        row(RANGE, "own keys and more", Admin, range("ann/", "ann1")),
        row(RANGE, "everything", Admin, range("\0", "\0")),
        row(RANGE, "count only", Admin, pb::RangeRequest { count_only: true, ..range("\0", "\0") }),
        row(STREAM, "own keys", User, range("ann/", "ann0")),
        row(STREAM, "another's keys", Admin, range("root/", "root0")),
        row(PUT, "own key", User, put("ann/1")),
        row(PUT, "a key to read", Admin, put("all/1")),
        row(PUT, "own key with the old value", User, pb::PutRequest { prev_kv: true, ..put("ann/1") }),
        row(DELETE, "own keys", User, delete("ann/2", "ann/3")),
        row(DELETE, "keys to read", Admin, delete("all/2", "all/3")),
        row(DELETE, "own keys and more", Admin, delete("ann/2", "ann1")),
        row(TXN, "reads", User, txn(RequestRange(range("all/1", "")))),
        row(TXN, "reads another's key", Admin, txn(RequestRange(range("root/1", "")))),
        row(TXN, "writes", User, txn(RequestPut(put("ann/1")))),
        row(TXN, "writes another's key", Admin, txn(RequestPut(put("all/1")))),
        row(TXN, "deletes another's keys", Admin, txn(RequestDeleteRange(delete("all/2", "all/3")))),
        row(
            TXN,
            "reads another's key deep down",
            Admin,
            txn(RequestTxn(txn(RequestRange(range("root/1", ""))))),
        ),
        row(TXN, "writes another's key deep down", Admin, txn(RequestTxn(txn(RequestPut(put("all/1")))))),
        row(TXN, "compares", User, compare("all/1", "")),
        row(TXN, "compares another's key", Admin, compare("root/1", "")),
        row(TXN, "compares another's keys", Admin, compare("all/", "all1")),
        row(TXN, "compares another's key deep down", Admin, txn(RequestTxn(compare("root/1", "")))),
        row(
            TXN,
            "writes another's key in the branch that is not taken",
            Admin,
            pb::TxnRequest { failure: vec![op(RequestPut(put("all/1")))], ..Default::default() },
        ),
        row("etcdserverpb.KV/Compact", "", Admin, pb::CompactionRequest { revision: 1, physical: false }),
        row(WATCH, "own keys", User, watch("ann/", "ann0")),
        row(WATCH, "another's key", Admin, watch("root/1", "")),
        row(WATCH, "own keys and more", Admin, watch("ann/", "ann1")),
        row(WATCH, "everything from an own key on", Admin, watch("ann/", "\0")),
        row(WATCH, "everything", Admin, watch("", "\0")),
    ]
}

fn leases() -> Vec<Row> {
    use Rule::User;
    vec![
        row("etcdserverpb.Lease/LeaseGrant", "", User, pb::LeaseGrantRequest { ttl: 600, id: 0 }),
        row("etcdserverpb.Lease/LeaseRevoke", "unknown", User, pb::LeaseRevokeRequest { id: 77 }),
        row("etcdserverpb.Lease/LeaseKeepAlive", "unknown", User, pb::LeaseKeepAliveRequest { id: 77 }),
        row(
            "etcdserverpb.Lease/LeaseTimeToLive",
            "unknown",
            User,
            pb::LeaseTimeToLiveRequest { id: 77, keys: false },
        ),
        row("etcdserverpb.Lease/LeaseLeases", "none of another's", User, pb::LeaseLeasesRequest {}),
    ]
}

fn cluster_and_maintenance(peer_url: &str) -> Vec<Row> {
    use Rule::{Admin, Open, User};
    let member = pb::MemberAddRequest { peer_ur_ls: vec![peer_url.to_owned()], is_learner: false };
    let update = pb::MemberUpdateRequest { id: 77, peer_ur_ls: vec!["http://127.0.0.1:1".to_owned()] };
    let alarm = |action| pb::AlarmRequest { action, member_id: 77, alarm: 1 };
    vec![
        row("etcdserverpb.Cluster/MemberAdd", "one that is there", Admin, member),
        row("etcdserverpb.Cluster/MemberRemove", "unknown", Admin, pb::MemberRemoveRequest { id: 77 }),
        row("etcdserverpb.Cluster/MemberUpdate", "unknown", Admin, update),
        row("etcdserverpb.Cluster/MemberList", "", User, pb::MemberListRequest { linearizable: true }),
        row("etcdserverpb.Cluster/MemberList", "local", User, pb::MemberListRequest { linearizable: false }),
        row("etcdserverpb.Cluster/MemberPromote", "unknown", Admin, pb::MemberPromoteRequest { id: 77 }),
        row("etcdserverpb.Maintenance/Alarm", "get", User, alarm(0)),
        row("etcdserverpb.Maintenance/Alarm", "clear", Admin, alarm(2)),
        row("etcdserverpb.Maintenance/Status", "", User, pb::StatusRequest {}),
        row("etcdserverpb.Maintenance/Defragment", "", Admin, pb::DefragmentRequest {}),
        row("etcdserverpb.Maintenance/Hash", "", Admin, pb::HashRequest {}),
        row("etcdserverpb.Maintenance/HashKV", "", Admin, pb::HashKvRequest { revision: 0 }),
        row("etcdserverpb.Maintenance/Snapshot", "", Admin, pb::SnapshotRequest {}),
        row(
            "etcdserverpb.Maintenance/MoveLeader",
            "to nobody",
            Admin,
            pb::MoveLeaderRequest { target_id: 77 },
        ),
        row(
            "etcdserverpb.Maintenance/Downgrade",
            "",
            Admin,
            pb::DowngradeRequest { action: 0, version: "x".to_owned() },
        ),
        row("grpc.health.v1.Health/Check", "", Open, ()),
        row("grpc.health.v1.Health/Watch", "", Open, ()),
    ]
}

fn users() -> Vec<Row> {
    use Rule::{Admin, Open, User};
    let text = str::to_owned;
    let options = Some(UserAddOptions { no_password: true });
    let add = pb::AuthUserAddRequest { name: text("new"), options, ..Default::default() };
    let with_password =
        pb::AuthUserAddRequest { name: text("root"), password: text("s3cret"), ..Default::default() };
    let password = pb::AuthUserChangePasswordRequest {
        name: text("none"),
        password: text("s3cret"),
        ..Default::default()
    };
    let perm = Some(Permission { perm_type: 0, key: bytes("k"), range_end: Bytes::new() });
    let revoke =
        pb::AuthRoleRevokePermissionRequest { role: text("none"), key: bytes("k"), range_end: Bytes::new() };
    let log_in = pb::AuthenticateRequest { name: text("ann"), password: text(ANN_PASSWORD) };
    vec![
        row("etcdserverpb.Auth/AuthStatus", "", Open, pb::AuthStatusRequest {}),
        row("etcdserverpb.Auth/Authenticate", "", Open, log_in),
        row("etcdserverpb.Auth/AuthEnable", "", Admin, pb::AuthEnableRequest {}),
        row("etcdserverpb.Auth/UserAdd", "", Admin, add),
        row("etcdserverpb.Auth/UserAdd", "one that is there", Admin, with_password),
        row("etcdserverpb.Auth/UserGet", "ann", User, pb::AuthUserGetRequest { name: text("ann") }),
        row("etcdserverpb.Auth/UserGet", "root", Admin, pb::AuthUserGetRequest { name: text("root") }),
        row("etcdserverpb.Auth/UserList", "", Admin, pb::AuthUserListRequest {}),
        row(
            "etcdserverpb.Auth/UserDelete",
            "unknown",
            Admin,
            pb::AuthUserDeleteRequest { name: text("none") },
        ),
        row("etcdserverpb.Auth/UserChangePassword", "unknown", Admin, password),
        row(
            "etcdserverpb.Auth/UserGrantRole",
            "unknown",
            Admin,
            pb::AuthUserGrantRoleRequest { user: text("ann"), role: text("none") },
        ),
        row(
            "etcdserverpb.Auth/UserRevokeRole",
            "unknown",
            Admin,
            pb::AuthUserRevokeRoleRequest { name: text("ann"), role: text("none") },
        ),
        row(
            "etcdserverpb.Auth/RoleAdd",
            "one that is there",
            Admin,
            pb::AuthRoleAddRequest { name: text("letters") },
        ),
        row("etcdserverpb.Auth/RoleGet", "own", User, pb::AuthRoleGetRequest { role: text("letters") }),
        row("etcdserverpb.Auth/RoleGet", "another's", Admin, pb::AuthRoleGetRequest { role: text("root") }),
        row("etcdserverpb.Auth/RoleList", "", Admin, pb::AuthRoleListRequest {}),
        row(
            "etcdserverpb.Auth/RoleDelete",
            "unknown",
            Admin,
            pb::AuthRoleDeleteRequest { role: text("none") },
        ),
        row(
            "etcdserverpb.Auth/RoleGrantPermission",
            "unknown",
            Admin,
            pb::AuthRoleGrantPermissionRequest { name: text("none"), perm },
        ),
        row("etcdserverpb.Auth/RoleRevokePermission", "unknown", Admin, revoke),
    ]
}

fn locks() -> Vec<Row> {
    use Rule::{Admin, User};
    let lock = |name| v3lockpb::LockRequest { name: bytes(name), lease: 0 };
    let unlock = |key| v3lockpb::UnlockRequest { key: bytes(key) };
    let leader = |name| v3electionpb::LeaderRequest { name: bytes(name) };
    let key = |name, key| v3electionpb::LeaderKey { name: bytes(name), key: bytes(key), rev: 1, lease: 77 };
    let campaign = |name| v3electionpb::CampaignRequest { name: bytes(name), lease: 77, value: bytes("x") };
    let proclaim =
        |name, own| v3electionpb::ProclaimRequest { leader: Some(key(name, own)), value: bytes("x") };
    let resign = |name, own| v3electionpb::ResignRequest { leader: Some(key(name, own)) };
    vec![
        row("v3lockpb.Lock/Lock", "another's", Admin, lock("root/l")),
        row("v3lockpb.Lock/Unlock", "own", User, unlock("ann/l/1")),
        row("v3lockpb.Lock/Unlock", "another's", Admin, unlock("root/l/1")),
        row("v3electionpb.Election/Campaign", "another's", Admin, campaign("root/e")),
        row("v3electionpb.Election/Leader", "own", User, leader("ann/e")),
        row("v3electionpb.Election/Leader", "another's", Admin, leader("root/e")),
        row("v3electionpb.Election/Observe", "another's", Admin, leader("root/e")),
        row("v3electionpb.Election/Proclaim", "another's", Admin, proclaim("root/e", "root/e/1")),
        row("v3electionpb.Election/Resign", "another's", Admin, resign("root/e", "root/e/1")),
    ]
}

/// Root's turn does not fit: it would wait for ever, or end authentication.
const NOT_FOR_ROOT: &[&str] = &["v3electionpb.Election/Observe", "etcdserverpb.Auth/AuthDisable"];

/// What a call that this version does not serve gives, whoever makes it.
const NOT_SERVED: &str = "not served";

/// Why the call is refused, when it is for who makes it. A watch says so in its first answer.
fn refused(method: &str, outcome: Result<Option<Bytes>, Status>) -> Option<String> {
    const TEXTS: [&str; 4] = [
        "etcdserver: user name is empty",
        "etcdserver: permission denied",
        "etcdserver: invalid auth token",
        "etcdserver: revision of auth store is old",
    ];
    let said = match outcome {
        Err(status) if status.code() == Code::Unimplemented => return Some(NOT_SERVED.to_owned()),
        Err(status) => status.message().to_owned(),
        Ok(Some(answer)) if method == "etcdserverpb.Watch/Watch" => {
            let reason = pb::WatchResponse::decode(answer).unwrap().cancel_reason;
            // As Go prints a status, which its client compares.
            let is_status = reason.starts_with("rpc error: code = ");
            assert!(reason.is_empty() || is_status, "{reason}");
            reason.split_once(" desc = ").map(|(_, text)| text.to_owned()).unwrap_or_default()
        }
        Ok(_) => return None,
    };
    TEXTS.contains(&said.as_str()).then_some(said)
}

/// The calls that the server counts, as `service/method`.
fn known_calls(metrics: &str) -> BTreeSet<String> {
    let value = |line: &str, label: &str| {
        let (_, after) = line.split_once(&format!("{label}=\""))?;
        Some(after.split_once('"')?.0.to_owned())
    };
    let lines = metrics.lines().filter(|line| line.starts_with("grpc_server_started_total{"));
    lines
        .map(|line| {
            format!("{}/{}", value(line, "grpc_service").unwrap(), value(line, "grpc_method").unwrap())
        })
        .collect()
}

#[test]
fn every_call_is_for_whom_it_should_be() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: 3.4 checks less than 3.7");
        return;
    }
    let cluster = start(cluster(3));
    let urls = cluster.client_urls();
    let metrics = cluster.member(0).probe().metrics().unwrap();
    let known = known_calls(metrics.text());
    let peer_url = cluster.member(0).spec().peer_url();
    let disable = || row("etcdserverpb.Auth/AuthDisable", "", Rule::Admin, pb::AuthDisableRequest {});
    let rows: Vec<Row> =
        [keys(), leases(), cluster_and_maintenance(&peer_url), users(), locks(), vec![disable()]]
            .into_iter()
            .flatten()
            .collect();
    let listed: BTreeSet<String> = rows.iter().map(|row| row.method.to_owned()).collect();
    let missing: Vec<_> = known.difference(&listed).collect();
    assert!(missing.is_empty(), "calls without a row in the table: {missing:?}");

    runtime().block_on(async {
        set_up(&urls[0]).await;
        let raw = Raw::connect(&urls[0]).await;
        let ann = raw.log_in("ann", ANN_PASSWORD).await.unwrap();
        let root = raw.log_in("root", ROOT_PASSWORD).await.unwrap();
        // A member that has not heard of it yet would go on serving everybody what it serves by itself.
        for url in &urls {
            Raw::connect(url).await.with_token(&root).get("root/1", false).await.unwrap();
        }
        for (number, row) in rows.iter().enumerate().filter(|(_, row)| known.contains(row.method)) {
            let raw = Raw::connect(&urls[number % urls.len()]).await;
            let (ann, root) = (raw.clone().with_token(&ann), raw.clone().with_token(&root));
            let (empty, denied) = ("etcdserver: user name is empty", "etcdserver: permission denied");
            let expected = match row.rule {
                Rule::Open => [None, None],
                Rule::User => [Some(empty), None],
                Rule::Admin => [Some(empty), Some(denied)],
            };
            let path = format!("/{}", row.method);
            for ((who, caller), expected) in [("nobody", &raw), ("ann", &ann)].into_iter().zip(expected) {
                let found = refused(row.method, caller.call(&path, row.message.clone()).await);
                if found.as_deref() == Some(NOT_SERVED) {
                    eprintln!("NOT TESTED: {} ({}): it is not served", row.method, row.what);
                    continue;
                }
                assert_eq!(found.as_deref(), expected, "{} ({}) by {who}", row.method, row.what);
            }
            if !NOT_FOR_ROOT.contains(&row.method) {
                let found = refused(row.method, root.call(&path, row.message.clone()).await);
                let is_let_in = found.as_deref().is_none_or(|found| found == NOT_SERVED);
                assert!(is_let_in, "{} ({}) by root: {found:?}", row.method, row.what);
            }
        }
    });
}
