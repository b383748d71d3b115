use bytes::Bytes;
use etcd_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::{
    AlarmMember, AlarmResponse, AuthUserListResponse, Compare, HashResponse, PutRequest, RangeResponse,
    RequestOp, ResponseHeader, StatusResponse, TxnRequest, WatchCreateRequest,
};
use etcd_proto::mvccpb::KeyValue;
use etcd_proto::prost::Message;
use etcd_proto::schema::{Kind, METHODS};
use proptest::prelude::*;

use super::{Malformed, message};

fn write(path: &str, answer: &impl Message) -> String {
    let method = METHODS.iter().find(|method| method.path == path).expect("a method of etcd");
    let mut json = Vec::new();
    message(method.response, answer.encode_to_vec().into(), &mut json).expect("a message");
    String::from_utf8(json).expect("JSON is text")
}

#[test]
fn numbers_are_strings_and_zeros_are_left_out() {
    let header = Some(ResponseHeader { cluster_id: u64::MAX, member_id: 1, revision: -3, raft_term: 0 });
    let kv = KeyValue { key: "foo".into(), value: "b".into(), lease: 9, ..Default::default() };
    let answer = RangeResponse { header, kvs: vec![kv, KeyValue::default()], more: true, count: 2 };
    assert_eq!(
        write("/etcdserverpb.KV/Range", &answer),
        r#"{"header":{"cluster_id":"18446744073709551615","member_id":"1","revision":"-3"},"kvs":[{"key":"Zm9v","value":"Yg==","lease":"9"},{}],"more":true,"count":"2"}"#
    );
    assert_eq!(write("/etcdserverpb.KV/Range", &RangeResponse::default()), "{}");
    let hash = HashResponse { header: None, hash: u32::MAX };
    assert_eq!(write("/etcdserverpb.Maintenance/Hash", &hash), r#"{"hash":4294967295}"#);
}

#[test]
fn enums_have_names_and_texts_are_escaped() {
    let alarm = |alarm| AlarmMember { member_id: 7, alarm };
    let answer = AlarmResponse { header: None, alarms: vec![alarm(1), alarm(0), alarm(77)] };
    assert_eq!(
        write("/etcdserverpb.Maintenance/Alarm", &answer),
        r#"{"alarms":[{"memberID":"7","alarm":"NOSPACE"},{"memberID":"7"},{"memberID":"7","alarm":77}]}"#
    );
    let users = vec!["<u>&\u{2028}\"\\/\u{8}\u{c}\n\u{1}\u{e9}".to_owned()];
    let answer = AuthUserListResponse { header: None, users };
    assert_eq!(
        write("/etcdserverpb.Auth/UserList", &answer),
        "{\"users\":[\"\\u003cu\\u003e\\u0026\\u2028\\\"\\\\/\\u0008\\u000c\\n\\u0001\u{e9}\"]}"
    );
    let answer = StatusResponse { db_size: 5, errors: vec![String::new()], ..Default::default() };
    assert_eq!(write("/etcdserverpb.Maintenance/Status", &answer), r#"{"dbSize":"5","errors":[""]}"#);
}

#[test]
fn what_is_no_message_is_refused() {
    let schema = METHODS[0].response;
    for wire in [&b"\x0a\x05a"[..], b"\x08\x01", b"\xff", b"\x20"] {
        assert_eq!(
            message(schema, Bytes::copy_from_slice(wire), &mut Vec::new()),
            Err(Malformed),
            "{wire:?}"
        );
    }
    assert_eq!(message(schema, Bytes::from_static(b"\xf8\x07\x01"), &mut Vec::new()), Ok(()));
}

fn puts() -> impl Strategy<Value = PutRequest> {
    (prop::collection::vec(any::<u8>(), 0..40), any::<i64>(), any::<bool>()).prop_map(
        |(bytes, lease, flag)| PutRequest {
            key: bytes.clone().into(),
            value: bytes.into(),
            lease,
            prev_kv: flag,
            ignore_value: !flag,
            ignore_lease: flag,
        },
    )
}

proptest! {
    /// Requests as JSON and back are what they were: both directions use the same table.
    #[test]
    fn there_and_back(put in puts(), version in any::<i64>(), filters in prop::collection::vec(0..2_i32, 0..4)) {
        let compare = Compare {
            result: CompareResult::NotEqual as i32,
            target: CompareTarget::Version as i32,
            key: put.key.clone(),
            range_end: put.value.clone(),
            target_union: Some(TargetUnion::Version(version)),
        };
        let inner = TxnRequest {
            compare: vec![compare],
            success: vec![RequestOp { request: Some(Request::RequestPut(put.clone())) }],
            failure: vec![RequestOp::default()],
        };
        let txn = TxnRequest {
            failure: vec![RequestOp { request: Some(Request::RequestTxn(inner.clone())) }],
            ..inner
        };
        prop_assert_eq!(round("/etcdserverpb.KV/Txn", &txn), txn);
        let method = METHODS.iter().find(|method| method.path == "/etcdserverpb.Watch/Watch").expect("it is there");
        let Kind::Message(create) = method.request.fields[0].kind else { panic!("a union of messages") };
        let watch = WatchCreateRequest { key: put.key, filters, start_revision: version, ..Default::default() };
        prop_assert_eq!(through(create, &watch), watch);
    }

    #[test]
    fn any_bytes_give_json_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        method in prop::sample::select(METHODS.iter().collect::<Vec<_>>()),
    ) {
        let mut json = Vec::new();
        if message(method.response, bytes.into(), &mut json).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
        }
    }
}

fn round<M: Message + Default>(path: &str, request: &M) -> M {
    let method = METHODS.iter().find(|method| method.path == path).expect("a method of etcd");
    through(method.request, request)
}

fn through<M: Message + Default>(schema: &etcd_proto::schema::Message, request: &M) -> M {
    let mut json = Vec::new();
    message(schema, request.encode_to_vec().into(), &mut json).expect("a message");
    let mut wire = Vec::new();
    crate::gateway::decode::message(schema, &json, &mut wire).expect("its own JSON");
    M::decode(wire.as_slice()).expect("a message")
}
