//! Bytes to begin with, made by our own encoders.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use etcd_apply::{Envelope, Request};
use etcd_auth::{Algorithm, Identity, Jwt};
use etcd_proto::etcdserverpb as pb;
use etcd_proto::etcdserverpb::request_op;
use etcd_proto::prost::Message;
use etcd_proto::raftpb::{ConfChange, Entry, HardState, MessageType};
use etcd_proto::{authpb, leasepb, mvccpb, raftpb};
use etcd_storage::{Batch, Bucket, Storage};
use etcd_transport::{Encoder, StreamKind};
use etcd_wal::sim::SimDisk;
use etcd_wal::{Disk as _, Metadata, Wal};
use ring::rand::SystemRandom;

fn entry(index: u64) -> Entry {
    Entry { term: 1, index, data: log_entry().remove(0).into(), ..Entry::default() }
}

/// A segment with two entries.
pub(crate) fn wal() -> Vec<Vec<u8>> {
    let (disk, directory) = (SimDisk::new(), Path::new("/wal"));
    let options = etcd_wal::Options { segment_bytes: 1 << 12, ..Default::default() };
    let metadata = Metadata { node_id: 1, cluster_id: 2 };
    let mut wal = Wal::create(Arc::new(disk.clone()), directory, metadata, options).expect("a log");
    let state = HardState { term: 1, vote: 1, commit: 1 };
    wal.append(&[entry(1), entry(2)], Some(&state), true).expect("entries are appended");
    let files = disk.list(directory).expect("a directory");
    let name = files.iter().find(|name| name.ends_with(".wal")).expect("a segment");
    let file = disk.open(&directory.join(name), false).expect("a segment");
    let mut bytes = vec![0; 1 << 12];
    file.read_at(&mut bytes, 0).expect("a segment can be read");
    vec![bytes]
}

fn peer(kind: StreamKind, messages: &[raftpb::Message]) -> Vec<u8> {
    let mut encoder = Encoder::new(kind);
    messages.iter().for_each(|message| encoder.encode(message));
    let mut bytes = vec![3];
    while let Some(chunk) = encoder.next_chunk() {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

fn message(kind: MessageType) -> raftpb::Message {
    raftpb::Message { r#type: kind as i32, to: 1, from: 2, term: 1, ..raftpb::Message::default() }
}

pub(crate) fn peer_messages() -> Vec<Vec<u8>> {
    let vote = raftpb::Message { index: 7, log_term: 1, ..message(MessageType::MsgVote) };
    let heartbeat = raftpb::Message { commit: 300, ..message(MessageType::MsgHeartbeat) };
    vec![peer(StreamKind::Message, &[vote, heartbeat])]
}

pub(crate) fn peer_appends() -> Vec<Vec<u8>> {
    let append = |index: u64| raftpb::Message {
        index,
        log_term: 1,
        commit: index,
        entries: vec![entry(index + 1), entry(index + 2)],
        ..message(MessageType::MsgApp)
    };
    vec![peer(StreamKind::MsgApp, &[append(1), append(3)])]
}

fn txn() -> pb::TxnRequest {
    let put = pb::PutRequest { key: "k".into(), value: "v".into(), lease: 7, ..Default::default() };
    let op = |request| pb::RequestOp { request: Some(request) };
    let range = pb::RangeRequest { key: "a".into(), range_end: "z".into(), limit: 3, ..Default::default() };
    let inner =
        pb::TxnRequest { success: vec![op(request_op::Request::RequestRange(range))], ..Default::default() };
    pb::TxnRequest {
        compare: vec![pb::Compare { key: "k".into(), ..Default::default() }],
        success: vec![op(request_op::Request::RequestPut(put)), op(request_op::Request::RequestTxn(inner))],
        ..Default::default()
    }
}

pub(crate) fn log_entry() -> Vec<Vec<u8>> {
    let requests = [
        Request::Txn(txn()),
        Request::LeaseGrant(pb::LeaseGrantRequest { ttl: 5, id: 7 }),
        Request::Compaction(pb::CompactionRequest { revision: 9, physical: true }),
    ];
    requests.into_iter().map(|request| Envelope { id: 42, who: None, request }.encode().to_vec()).collect()
}

pub(crate) fn membership_change() -> Vec<Vec<u8>> {
    vec![br#"0{"id":7,"peerURLs":["http://127.0.0.1:2380"],"name":"a","clientURLs":["http://127.0.0.1:2379"]}"#.to_vec()]
}

pub(crate) fn messages() -> Vec<Vec<u8>> {
    let with = |number: u8, message: Vec<u8>| [vec![number], message].concat();
    let user = authpb::User { name: "a".into(), roles: vec!["r".to_owned()], ..Default::default() };
    vec![
        with(2, txn().encode_to_vec()),
        with(6, log_entry().remove(0)),
        with(
            7,
            mvccpb::KeyValue { key: "k".into(), value: "v".into(), ..Default::default() }.encode_to_vec(),
        ),
        with(8, leasepb::Lease { id: 7, ttl: 60, ..Default::default() }.encode_to_vec()),
        with(10, user.encode_to_vec()),
        with(12, message(MessageType::MsgVote).encode_to_vec()),
        with(14, ConfChange { node_id: 7, ..Default::default() }.encode_to_vec()),
    ]
}

pub(crate) fn grpc_body() -> Vec<Vec<u8>> {
    let message = txn().encode_to_vec();
    let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
    vec![[&[3, 0], &length[..], &message].concat()]
}

pub(crate) fn gateway_request() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"key":"Zm9v","range_end":"Zm9w","limit":"7","sort_order":"DESCEND","serializable":true}"#,
        r#"{"compare":[{"result":"EQUAL","target":"MOD","key":"Zm9v","mod_revision":"3"}],"success":[{"request_put":{"key":"YQ==","value":"PA=="}}]}"#,
        r#"{"create_request":{"key":"Zm9v","filters":["NOPUT",1],"watch_id":"3"}}"#,
        "null",
    ];
    (0..20_u8).flat_map(|number| texts.map(|text| [&[number], text.as_bytes()].concat())).collect()
}

pub(crate) fn gateway_answer() -> Vec<Vec<u8>> {
    let pair = mvccpb::KeyValue { key: "k\u{1}<".into(), value: "v".into(), ..Default::default() };
    let range = pb::RangeResponse { kvs: vec![pair], count: 1, more: true, ..Default::default() };
    let bytes = range.encode_to_vec();
    (0..20_u8).map(|number| [&[number], &bytes[..]].concat()).collect()
}

pub(crate) fn v2_form() -> Vec<Vec<u8>> {
    let text =
        "recursive=true&wait=true&waitIndex=7\nvalue=a+b%20c&ttl=5&prevExist=false&prevValue=x&dir=false";
    (0..4_u8).map(|number| [&[number], text.as_bytes()].concat()).collect()
}

pub(crate) fn v2_path() -> Vec<Vec<u8>> {
    vec![b"/a/./b//c/../d/".to_vec(), b"..".to_vec(), Vec::new()]
}

pub(crate) fn arguments() -> Vec<Vec<u8>> {
    let text = "--name=a\n--listen-client-urls=http://127.0.0.1:2379\n--advertise-client-urls\nhttp://127.0.0.1:2379\n\
                --initial-cluster=a=http://127.0.0.1:2380\nETCD_HEARTBEAT_INTERVAL=100\n--auto-compaction-retention=5m\n-h";
    vec![text.into()]
}

pub(crate) fn config_file() -> Vec<Vec<u8>> {
    let text = "name: 'a'\nlisten-client-urls: http://127.0.0.1:2379\nquota-backend-bytes: 0\nheartbeat-interval: 100\n\
                client-transport-security:\n  cert-file: x\n  client-cert-auth: false\nlog-outputs: [stderr]\nmetrics: \"basic\"\n";
    vec![text.into()]
}

pub(crate) fn urls() -> Vec<Vec<u8>> {
    vec![
        b"http://127.0.0.1:2380,https://[::1]:1".to_vec(),
        b"a=http://h:1,a=http://h:2,b=unix://x:1".to_vec(),
    ]
}

pub(crate) fn versions() -> Vec<Vec<u8>> {
    ["3.7.0-alpha.1+x", "3.6", "1h2m3.5s", "8e9e05c52164694d"].map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(crate) fn token_options() -> Vec<Vec<u8>> {
    vec![b"simple".to_vec(), b"jwt,pub-key=a,priv-key=b,sign-method=RS256,ttl=10m".to_vec()]
}

/// Signs, and knows its own signatures, with a key that is always the same.
pub(crate) fn signer(algorithm: Algorithm) -> Jwt {
    let key = Some(&b"a key of more than thirty-two bytes"[..]);
    Jwt::new(algorithm, None, key, Duration::from_secs(300), &SystemRandom::new()).expect("a key")
}

pub(crate) fn jwt() -> Vec<Vec<u8>> {
    let token = signer(Algorithm::Hs256).sign(
        &Identity::new("ann", 7),
        Duration::from_secs(1000),
        &SystemRandom::new(),
    );
    vec![token.expect("a token").into_bytes()]
}

pub(crate) fn snapshot() -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let storage = Storage::open(etcd_storage::Options::new(directory.path().join("db"))).expect("a database");
    let mut batch = Batch::new(1);
    for key in ["a", "b"] {
        batch.put(Bucket::KEY, key.as_bytes().to_vec(), "value".to_owned());
    }
    storage.write(batch).expect("rows are written");
    let mut stream = Vec::new();
    storage.snapshot().expect("a snapshot").write_to(&mut stream).expect("it is written");
    storage.close().expect("it is closed");
    vec![stream]
}
