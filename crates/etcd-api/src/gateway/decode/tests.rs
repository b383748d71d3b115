use etcd_proto::etcdserverpb::compare::TargetUnion;
use etcd_proto::etcdserverpb::{
    PutRequest, RangeRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest,
};
use etcd_proto::etcdserverpb::{request_op, watch_request};
use etcd_proto::prost::Message;
use etcd_proto::schema::{self, METHODS};
use proptest::prelude::*;

use super::{Mistake, message};

fn request(path: &str) -> &'static schema::Message {
    METHODS.iter().find(|method| method.path == path).expect("a method of etcd").request
}

fn read<M: Message + Default>(path: &str, json: &str) -> Result<M, Mistake> {
    super::scan::check(json.as_bytes())?;
    let mut wire = Vec::new();
    message(request(path), json.as_bytes(), &mut wire)?;
    Ok(M::decode(wire.as_slice()).expect("what was written can be read"))
}

fn range(json: &str) -> RangeRequest {
    read("/etcdserverpb.KV/Range", json).expect(json)
}

#[test]
fn fields_have_two_names_and_the_camel_one_wins() {
    let expected =
        RangeRequest { key: "foo".into(), range_end: "fop".into(), limit: 7, ..Default::default() };
    for json in [
        r#"{"key":"Zm9v","range_end":"Zm9w","limit":7}"#,
        r#"{"key":"Zm9v","rangeEnd":"Zm9w","limit":"7"}"#,
        r#" { "limit" : " 7 ", "unknown": {"a":[1]}, "range_end": "YQ==", "rangeEnd":"Zm9w","key":"YQ==", "key":"Zm9v" } "#,
        r#"{"key":[102,111,111],"range_end":"Zm\n9w","limit":"7","sort_order":null,"serializable":null}"#,
    ] {
        assert_eq!(range(json), expected, "{json}");
    }
    assert_eq!(range("null"), RangeRequest::default());
    assert_eq!(range("{}"), RangeRequest::default());
}

#[test]
fn numbers_enums_and_bytes_come_in_several_forms() {
    assert_eq!(range(r#"{"sort_order":"DESCEND","sort_target":3}"#).sort_order, 2);
    assert_eq!(range(r#"{"sort_target":77}"#).sort_target, 77);
    assert_eq!(range(r#"{"revision":"-9223372036854775808"}"#).revision, i64::MIN);
    assert_eq!(range(r#"{"limit":"null","revision":-0}"#), RangeRequest::default());
    for json in [r#"{"key":"-_8="}"#, r#"{"key":"+/8="}"#, r#"{"key":"-_8"}"#, r#"{"key":"+\/\u0038="}"#] {
        assert_eq!(range(json).key.as_ref(), [0xfb, 0xff], "{json}");
    }
}

#[test]
fn transactions_nest() {
    let json = r#"{
        "compare":[{"result":"EQUAL","target":"MOD","key":"Zm9v","mod_revision":"0"}],
        "success":[{"requestPut":{"key":"YQ==","value":"PA==","prev_kv":true}},
                   {"request_txn":{"failure":[{"request_range":{"key":"Yg=="}},null]}}],
        "failure":[]}"#;
    let found: TxnRequest = read("/etcdserverpb.KV/Txn", json).expect("a transaction");
    assert_eq!(found.compare[0].target_union, Some(TargetUnion::ModRevision(0)));
    let put = PutRequest { key: "a".into(), value: "<".into(), prev_kv: true, ..Default::default() };
    assert_eq!(found.success[0].request, Some(request_op::Request::RequestPut(put)));
    let Some(request_op::Request::RequestTxn(inner)) = &found.success[1].request else { panic!("{found:?}") };
    assert_eq!((inner.failure.len(), &inner.failure[1]), (2, &RequestOp::default()));
    assert_eq!(found.failure, []);
}

#[test]
fn watches_are_unions_with_lists() {
    let json = r#"{"create_request":{"key":"Zm9v","filters":["NOPUT",1],"watch_id":"3"}}"#;
    let found: WatchRequest = read("/etcdserverpb.Watch/Watch", json).expect("a watch");
    let expected =
        WatchCreateRequest { key: "foo".into(), filters: vec![0, 1], watch_id: 3, ..Default::default() };
    assert_eq!(found.request_union, Some(watch_request::RequestUnion::CreateRequest(expected)));
}

/// Observed on etcd 3.4.
#[test]
fn mistakes_are_told_as_etcd_tells_them() {
    for (json, expected) in [
        ("[]", "json: cannot unmarshal array into Go value of type map[string]json.RawMessage"),
        ("\"a\"", "json: cannot unmarshal string into Go value of type map[string]json.RawMessage"),
        ("{\"key\":1}", "json: cannot unmarshal number into Go value of type []uint8"),
        ("{\"key\":{}}", "json: cannot unmarshal object into Go value of type []uint8"),
        ("{\"key\":[\"Zg==\"]}", "json: cannot unmarshal string into Go value of type uint8"),
        ("{\"key\":[300]}", "json: cannot unmarshal number 300 into Go value of type uint8"),
        ("{\"limit\":1.5}", "json: cannot unmarshal number 1.5 into Go value of type int64"),
        ("{\"limit\":\"1e2\"}", "json: cannot unmarshal number 1e2 into Go value of type int64"),
        (
            "{\"limit\":9223372036854775808}",
            "json: cannot unmarshal number 9223372036854775808 into Go value of type int64",
        ),
        ("{\"limit\":\"x\"}", "invalid character 'x' looking for beginning of value"),
        ("{\"limit\":\"\"}", "unexpected end of JSON input"),
        ("{\"limit\":\"007\"}", "invalid character '0' after top-level value"),
        ("{\"limit\":[]}", "json: cannot unmarshal array into Go value of type int64"),
        ("{\"serializable\":\"true\"}", "json: cannot unmarshal string into Go value of type bool"),
        (
            "{\"sort_order\":\"WRONG\"}",
            "unknown value \"WRONG\" for enum etcdserverpb.RangeRequest_SortOrder",
        ),
        (
            "{\"sort_order\":1.5}",
            "json: cannot unmarshal number 1.5 into Go value of type etcdserverpb.RangeRequest_SortOrder",
        ),
        ("{\"key\":\"Zm9v==\"}", "illegal base64 data at input byte 4"),
        ("{\"key\":\"Z\"}", "illegal base64 data at input byte 0"),
        ("{\"key\":\"Zm9vZm8*\"}", "illegal base64 data at input byte 7"),
        ("{\"key\":\"Zg=a\"}", "illegal base64 data at input byte 2"),
        ("{\"key\":\"Zm9vZg=\"}", "illegal base64 data at input byte 7"),
        ("{\"key\":\"Zm9vZm8=x\"}", "illegal base64 data at input byte 8"),
    ] {
        let found = read::<RangeRequest>("/etcdserverpb.KV/Range", json);
        assert_eq!(found, Err(Mistake(expected.to_owned())), "{json}");
    }
    let found = read::<TxnRequest>("/etcdserverpb.KV/Txn", "{\"success\":{}}");
    let expected = "json: cannot unmarshal object into Go value of type []json.RawMessage";
    assert_eq!(found, Err(Mistake(expected.to_owned())));
}

#[test]
fn depth_is_bounded() {
    let json = "{\"success\":[{\"request_txn\":".repeat(100) + "{}" + &"}]}".repeat(100);
    let found = read::<TxnRequest>("/etcdserverpb.KV/Txn", &json);
    assert_eq!(found, Err(Mistake("more than 64 messages inside each other".to_owned())));
}

proptest! {
    #[test]
    fn any_json_gives_a_message_or_a_mistake(
        json in "[\\[\\]{}:,\"\\\\ a0-9truefalsn.e+-]{0,20}",
        name in prop::sample::select(vec!["key", "limit", "success", "create_request", "filters", "name", "ID"]),
        method in prop::sample::select(METHODS.iter().collect::<Vec<_>>()),
    ) {
        for json in [json.clone(), format!("{{\"{name}\":{json}}}")] {
            if super::scan::check(json.as_bytes()).is_ok() {
                let _any = message(method.request, json.as_bytes(), &mut Vec::new());
            }
        }
    }
}

/// Requests as clients send them, to be damaged.
const SEEDS: &[&str] = &[
    r#"{"key":"Zm9v","range_end":"Zm9w","limit":"7","sort_order":"DESCEND","serializable":true}"#,
    r#"{"compare":[{"result":"EQUAL","target":"MOD","key":"Zm9v","mod_revision":"0"}],"success":[{"requestPut":{"key":"YQ==","value":"PA=="}}]}"#,
    r#"{"create_request":{"key":"Zm9v","filters":["NOPUT",1],"start_revision":"-9223372036854775808"}}"#,
    r#"{"name":"\u00e4\ud83d\ude00","perm":{"permType":"READWRITE","key":"_-8","range_end":"AA=="}}"#,
    r#"{"ID":"18446744073709551615","peerURLs":["http://a:1","unix://b"],"isLearner":null}"#,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn damaged_requests_are_refused_or_read(
        seed in prop::sample::select(SEEDS),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 0..6),
        method in prop::sample::select(METHODS.iter().collect::<Vec<_>>()),
    ) {
        let mut json = seed.as_bytes().to_vec();
        for (at, byte, kind) in damages {
            let at = at.index(json.len());
            match kind {
                0 => json[at] = byte,
                1 => json.insert(at, byte),
                _ if json.len() > 1 => drop(json.remove(at)),
                _ => {}
            }
        }
        if super::scan::check(&json).is_ok() {
            let _any = message(method.request, &json, &mut Vec::new());
        }
    }
}
