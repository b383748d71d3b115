//! Transactions: compares, checks before writes, nesting, headers.

use etcd_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::response_op::Response;
use etcd_proto::etcdserverpb::{Compare, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse};

use super::{Fixture, bytes, delete, put, range};
use crate::{RangeError, WriteError};

fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn put_op(key: &str, value: &str) -> RequestOp {
    op(Request::RequestPut(put(key, value)))
}

fn get_op(key: &str, end: &str) -> RequestOp {
    op(Request::RequestRange(range(key, end)))
}

fn txn_op(txn: TxnRequest) -> RequestOp {
    op(Request::RequestTxn(txn))
}

fn version(key: &str, want: i64) -> Compare {
    Compare {
        key: bytes(key),
        target: CompareTarget::Version as i32,
        target_union: Some(TargetUnion::Version(want)),
        ..Compare::default()
    }
}

fn run(fixture: &mut Fixture, request: &TxnRequest) -> Result<TxnResponse, WriteError> {
    let mut txn = fixture.begin();
    let response = txn.txn(request, &|lease| lease < 100)?;
    txn.commit().unwrap();
    Ok(response)
}

/// The responses in short, with their header revisions.
fn short(response: &TxnResponse) -> String {
    let mut text = format!("{}@{}:", response.succeeded, response.header.as_ref().unwrap().revision);
    for op in &response.responses {
        text.push_str(&match &op.response {
            Some(Response::ResponsePut(put)) => format!(" put@{}", put.header.as_ref().unwrap().revision),
            Some(Response::ResponseRange(range)) => {
                let pair = |kv: &etcd_proto::mvccpb::KeyValue| {
                    format!("{}{}", String::from_utf8_lossy(&kv.key), String::from_utf8_lossy(&kv.value))
                };
                let pairs: Vec<String> = range.kvs.iter().map(pair).collect();
                format!(" [{}]@{}", pairs.join(" "), range.header.as_ref().unwrap().revision)
            }
            Some(Response::ResponseDeleteRange(delete)) => {
                format!(" del{}@{}", delete.deleted, delete.header.as_ref().unwrap().revision)
            }
            Some(Response::ResponseTxn(txn)) => format!(" ({})", short(txn)),
            None => " none".into(),
        });
    }
    text
}

#[test]
fn compares() {
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    fixture.put("a", "5");
    let mut leased = put("b", "7");
    leased.lease = 3;
    let mut txn = fixture.begin();
    txn.put(&leased).unwrap();
    txn.commit().unwrap();
    // a: created 2, modified 3, version 2, value 5, lease 0; b: created 4, modified 4, version 1, value 7, lease 3.
    use {CompareResult as Is, CompareTarget as Of, TargetUnion as To};
    let check = |key: &str, end: &str, target: Of, result: Is, union: Option<To>, want: bool| {
        let compare = Compare {
            key: bytes(key),
            range_end: bytes(end),
            target: target as i32,
            result: result as i32,
            target_union: union.clone(),
        };
        let request = TxnRequest { compare: vec![compare], ..TxnRequest::default() };
        let (response, revision) = fixture.store.read_txn(&request).unwrap();
        assert_eq!(response.succeeded, want, "{key}..{end} {target:?} {result:?} {union:?}");
        assert_eq!(revision, 4);
    };
    check("a", "", Of::Version, Is::Equal, Some(To::Version(2)), true);
    check("a", "", Of::Version, Is::Greater, Some(To::Version(2)), false);
    check("a", "", Of::Version, Is::Less, Some(To::Version(3)), true);
    check("a", "", Of::Create, Is::Equal, Some(To::CreateRevision(2)), true);
    check("a", "", Of::Create, Is::NotEqual, Some(To::CreateRevision(2)), false);
    check("a", "", Of::Mod, Is::Equal, Some(To::ModRevision(3)), true);
    check("a", "", Of::Value, Is::Equal, Some(To::Value("5".into())), true);
    check("a", "", Of::Value, Is::Greater, Some(To::Value("10".into())), true);
    check("a", "", Of::Value, Is::NotEqual, Some(To::Value("5".into())), false);
    check("b", "", Of::Lease, Is::Equal, Some(To::Lease(3)), true);
    check("a", "", Of::Lease, Is::Equal, Some(To::Lease(0)), true);
    // A missing key: numbers are 0, a value compare never holds.
    check("x", "", Of::Version, Is::Equal, Some(To::Version(0)), true);
    check("x", "", Of::Create, Is::Greater, Some(To::CreateRevision(0)), false);
    check("x", "", Of::Mod, Is::Less, Some(To::ModRevision(1)), true);
    check("x", "", Of::Lease, Is::Equal, Some(To::Lease(0)), true);
    check("x", "", Of::Value, Is::NotEqual, Some(To::Value("5".into())), false);
    check("x", "", Of::Value, Is::Equal, Some(To::Value("".into())), false);
    // A union of another kind, or none: 0 or empty.
    check("x", "", Of::Version, Is::Equal, None, true);
    check("a", "", Of::Version, Is::Equal, Some(To::ModRevision(2)), false);
    check("a", "", Of::Value, Is::Greater, None, true);
    // Ranges: every key has to satisfy; an empty range is a missing key.
    check("a", "c", Of::Version, Is::Greater, Some(To::Version(0)), true);
    check("a", "c", Of::Version, Is::Greater, Some(To::Version(1)), false);
    check("a", "\0", Of::Value, Is::Greater, Some(To::Value("4".into())), true);
    check("a", "\0", Of::Lease, Is::Equal, Some(To::Lease(3)), false);
    check("x", "z", Of::Value, Is::NotEqual, Some(To::Value("4".into())), false);
    check("x", "z", Of::Mod, Is::Equal, Some(To::ModRevision(0)), true);
}

#[test]
fn unknown_kinds_compare_as_equal_and_as_true() {
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    for (target, result, want) in [(99, 0, true), (99, 1, false), (0, 99, true)] {
        let compare = Compare { key: "a".into(), target, result, ..Compare::default() };
        let request = TxnRequest { compare: vec![compare], ..TxnRequest::default() };
        assert_eq!(fixture.store.read_txn(&request).unwrap().0.succeeded, want, "{target} {result}");
    }
}

#[test]
fn only_ranges_are_read_only() {
    let check = |success: Vec<RequestOp>, failure: Vec<RequestOp>, want: bool| {
        let request = TxnRequest { compare: vec![version("a", 1)], success, failure };
        assert_eq!(crate::is_read_only(&request), want, "{request:?}");
    };
    check(vec![], vec![], true);
    check(vec![get_op("a", "")], vec![get_op("b", ""), get_op("c", "")], true);
    check(vec![get_op("a", "")], vec![put_op("b", "")], false);
    check(vec![op(Request::RequestDeleteRange(delete("a", "")))], vec![], false);
    check(vec![txn_op(TxnRequest::default())], vec![], false);
    check(vec![RequestOp { request: None }], vec![], false);
}

#[test]
fn a_transaction_is_one_revision_and_sees_itself() {
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    fixture.put("b", "2");
    let request = TxnRequest {
        compare: vec![version("a", 1), version("c", 0)],
        success: vec![
            get_op("a", "z"),
            put_op("c", "3"),
            get_op("a", "z"),
            op(Request::RequestDeleteRange(delete("a", "c"))),
            get_op("a", "z"),
            RequestOp { request: None },
        ],
        failure: vec![put_op("never", "")],
    };
    let response = run(&mut fixture, &request).unwrap();
    assert_eq!(short(&response), "true@4: [a1 b2]@3 put@4 [a1 b2 c3]@4 del2@4 [c3]@4 none");
    assert_eq!(fixture.store.revision(), 4);
    let response = run(&mut fixture, &request).unwrap();
    assert_eq!(short(&response), "false@5: put@5");
}

#[test]
fn a_transaction_without_changes_keeps_the_revision() {
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    let request = TxnRequest {
        success: vec![op(Request::RequestDeleteRange(delete("x", ""))), get_op("a", "")],
        ..TxnRequest::default()
    };
    assert_eq!(short(&run(&mut fixture, &request).unwrap()), "true@2: del0@2 [a1]@2");
    assert_eq!(fixture.store.revision(), 2);
}

#[test]
fn nested_transactions_are_decided_before_anything_runs() {
    let mut fixture = Fixture::new();
    let inner = |key: &str| TxnRequest {
        compare: vec![version("a", 0)],
        success: vec![put_op(key, "new")],
        failure: vec![put_op(key, "old")],
    };
    let request = TxnRequest {
        success: vec![
            put_op("a", "1"),
            txn_op(inner("b")),
            txn_op(TxnRequest {
                success: vec![txn_op(inner("c")), get_op("b", "")],
                ..TxnRequest::default()
            }),
            get_op("a", "z"),
        ],
        ..TxnRequest::default()
    };
    let response = run(&mut fixture, &request).unwrap();
    // Only the outermost header has the revision, as in etcd.
    let want = "true@2: put@2 (true@0: put@2) (true@0: (true@0: put@2) [bnew]@2) [a1 bnew cnew]@2";
    assert_eq!(short(&response), want);
    let response = run(&mut fixture, &request).unwrap();
    let want = "true@3: put@3 (false@0: put@3) (true@0: (false@0: put@3) [bold]@3) [a1 bold cold]@3";
    assert_eq!(short(&response), want);
}

#[test]
fn a_check_that_fails_leaves_nothing() {
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    fixture.put("a", "2");
    fixture.compact(3);
    fixture.put("b", "1");
    let keep_value = PutRequest { ignore_value: true, ..put("x", "") };
    let keep_lease = PutRequest { ignore_lease: true, ..put("x", "") };
    let at = |revision| op(Request::RequestRange(RangeRequest { revision, ..range("a", "") }));
    let nested = |op| txn_op(TxnRequest { success: vec![op], ..TxnRequest::default() });
    let check = |fixture: &mut Fixture, bad: RequestOp, want: &str| {
        let request = TxnRequest { success: vec![put_op("n", "1"), bad], ..TxnRequest::default() };
        let error = run(fixture, &request).unwrap_err();
        assert!(error.is_deterministic());
        assert_eq!(error.to_string(), want);
        assert_eq!(fixture.store.revision(), 4);
        assert_eq!(fixture.get("n"), None);
        assert_eq!(fixture.store.stats().keys, 2);
    };
    check(&mut fixture, op(Request::RequestPut(keep_value.clone())), "etcdserver: key not found");
    check(&mut fixture, op(Request::RequestPut(keep_lease)), "etcdserver: key not found");
    check(&mut fixture, at(2), "mvcc: required revision has been compacted");
    check(&mut fixture, at(-1), "mvcc: required revision has been compacted");
    // The revision that the transaction itself would make does not exist yet.
    check(&mut fixture, at(5), "mvcc: required revision is a future revision");
    check(&mut fixture, nested(at(99)), "mvcc: required revision is a future revision");
    check(&mut fixture, nested(op(Request::RequestPut(keep_value))), "etcdserver: key not found");
    // In the branch that is not taken, anything goes.
    let request = TxnRequest { failure: vec![at(99)], ..TxnRequest::default() };
    assert_eq!(short(&run(&mut fixture, &request).unwrap()), "true@4:");
    let request = TxnRequest { success: vec![at(99)], ..TxnRequest::default() };
    assert!(matches!(fixture.store.read_txn(&request), Err(RangeError::FutureRevision)));
}

#[test]
fn an_operation_that_fails_half_way_is_taken_back() {
    // The checks see a key that an earlier operation of the transaction deletes.
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    let keep = PutRequest { ignore_value: true, ..put("a", "") };
    let request = TxnRequest {
        success: vec![
            put_op("n", "1"),
            op(Request::RequestDeleteRange(delete("a", ""))),
            op(Request::RequestPut(keep)),
        ],
        ..TxnRequest::default()
    };
    let mut txn = fixture.begin();
    txn.put(&put("before", "1")).unwrap();
    assert!(matches!(txn.txn(&request, &|_| true), Err(WriteError::KeyNotFound)));
    assert_eq!(txn.events().len(), 1);
    txn.put(&put("after", "1")).unwrap();
    let committed = txn.commit().unwrap();
    assert_eq!((committed.revision, committed.events.len()), (3, 2));
    assert_eq!(fixture.get("a").unwrap().value, "1");
    assert_eq!(fixture.get("n"), None);
    assert_eq!(fixture.get("after").unwrap().mod_revision, 3);
    let before = fixture.store.inner().index.tree();
    let fixture = fixture.reopen();
    assert_eq!(fixture.store.inner().index.tree(), before);
}

#[test]
fn events_carry_previous_pairs_when_asked_to() {
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    assert_eq!(fixture.put("a", "2").events[0].prev_kv, None);
    fixture.store.keep_previous(true);
    let events = fixture.put("a", "3").events;
    assert_eq!(events[0].prev_kv.as_ref().unwrap().value, "2");
    let events = fixture.delete("a").events;
    assert_eq!(events[0].prev_kv.as_ref().unwrap().value, "3");
    let kv = events[0].kv.as_ref().unwrap();
    assert_eq!((kv.mod_revision, kv.create_revision, kv.version), (5, 0, 0));
    assert_eq!(fixture.put("a", "4").events[0].prev_kv, None);
}

#[test]
fn other_changes_of_an_entry_are_stored_with_it() {
    let mut fixture = Fixture::new();
    let mut txn = fixture.begin();
    txn.put(&put("a", "1")).unwrap();
    txn.batch().put(etcd_storage::Bucket::META, "term", "7");
    drop(txn);
    assert_eq!(fixture.storage.get(etcd_storage::Bucket::META, b"term").unwrap(), None);
    let mut txn = fixture.begin();
    txn.batch().put(etcd_storage::Bucket::META, "term", "7");
    assert_eq!(txn.commit().unwrap().revision, 1);
    assert_eq!(fixture.storage.get(etcd_storage::Bucket::META, b"term").unwrap().unwrap(), "7");
    assert_eq!(fixture.storage.commit().unwrap(), fixture.mark);
}

#[test]
fn a_stopped_storage_leaves_the_store_as_it_was() {
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    fixture.storage.close().unwrap();
    let mut txn = fixture.begin();
    txn.put(&put("b", "1")).unwrap();
    assert!(txn.commit().is_err());
    assert_eq!(fixture.store.revision(), 2);
    assert_eq!(fixture.store.stats().keys, 1);
}

#[test]
fn leases_of_puts_are_looked_up_before_anything_runs() {
    let mut fixture = Fixture::new();
    let leased = |key, lease| op(Request::RequestPut(PutRequest { lease, ..put(key, "1") }));
    let nested = TxnRequest { success: vec![leased("b", 100)], ..TxnRequest::default() };
    let branch = |ops| TxnRequest { success: ops, ..TxnRequest::default() };
    for ops in [vec![leased("a", 7), leased("b", 100)], vec![leased("a", 7), txn_op(nested)]] {
        assert!(matches!(run(&mut fixture, &branch(ops)), Err(WriteError::LeaseNotFound)));
        assert_eq!(fixture.get("a"), None);
    }
    // The lease comes before the old pair, and the branch that is not taken does not count.
    let keep = PutRequest { ignore_value: true, lease: 100, ..put("none", "") };
    let ops = vec![op(Request::RequestPut(keep))];
    assert!(matches!(run(&mut fixture, &branch(ops)), Err(WriteError::LeaseNotFound)));
    let other = TxnRequest { failure: vec![leased("c", 100)], ..branch(vec![leased("a", 7)]) };
    assert_eq!(short(&run(&mut fixture, &other).unwrap()), "true@2: put@2");
    assert_eq!(fixture.get("a").unwrap().lease, 7);
}
