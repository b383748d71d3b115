//! The rules, case by case, and the overlap rule against a model.

use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};

use crate::{Error, validate};

mod hostile;
mod model;

fn put(key: &str) -> RequestOp {
    let put = PutRequest { key: key.to_owned().into(), ..PutRequest::default() };
    RequestOp { request: Some(Request::RequestPut(put)) }
}

fn delete(key: &str, end: &str) -> RequestOp {
    let (key, range_end) = (key.to_owned().into(), end.to_owned().into());
    let delete = DeleteRangeRequest { key, range_end, prev_kv: false };
    RequestOp { request: Some(Request::RequestDeleteRange(delete)) }
}

fn get(key: &str) -> RequestOp {
    let range = RangeRequest { key: key.to_owned().into(), ..RangeRequest::default() };
    RequestOp { request: Some(Request::RequestRange(range)) }
}

fn nested(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> RequestOp {
    let txn = TxnRequest { compare: Vec::new(), success, failure };
    RequestOp { request: Some(Request::RequestTxn(txn)) }
}

fn txn(success: Vec<RequestOp>) -> TxnRequest {
    TxnRequest { compare: Vec::new(), success, failure: Vec::new() }
}

#[test]
fn reads() {
    let key = || RangeRequest { key: "k".into(), ..RangeRequest::default() };
    let check = |request: RangeRequest, expected| assert_eq!(validate::range(&request), expected);
    check(key(), Ok(()));
    check(RangeRequest::default(), Err(Error::EmptyKey));
    check(RangeRequest { range_end: "z".into(), ..RangeRequest::default() }, Err(Error::EmptyKey));
    check(RangeRequest { sort_order: 2, sort_target: 4, ..key() }, Ok(()));
    check(RangeRequest { sort_order: 3, ..key() }, Err(Error::InvalidSortOption));
    check(RangeRequest { sort_order: -1, ..key() }, Err(Error::InvalidSortOption));
    check(RangeRequest { sort_target: 5, ..key() }, Err(Error::InvalidSortOption));
    check(RangeRequest { sort_target: i32::MIN, ..key() }, Err(Error::InvalidSortOption));
    check(RangeRequest { limit: -1, revision: -1, ..key() }, Ok(()));
}

#[test]
fn writes() {
    let key = || PutRequest { key: "k".into(), ..PutRequest::default() };
    let check = |request: PutRequest, expected| assert_eq!(validate::put(&request), expected);
    check(key(), Ok(()));
    check(PutRequest::default(), Err(Error::EmptyKey));
    check(PutRequest { ignore_value: true, ..key() }, Ok(()));
    check(PutRequest { ignore_value: true, value: "v".into(), ..key() }, Err(Error::ValueProvided));
    check(PutRequest { ignore_lease: true, ..key() }, Ok(()));
    check(PutRequest { ignore_lease: true, lease: 1, ..key() }, Err(Error::LeaseProvided));
    check(
        PutRequest { ignore_value: true, ignore_lease: true, value: "v".into(), lease: 1, ..key() },
        Err(Error::ValueProvided),
    );
}

#[test]
fn deletions() {
    let empty = DeleteRangeRequest::default();
    assert_eq!(validate::delete_range(&empty), Err(Error::EmptyKey));
    let key = DeleteRangeRequest { key: "k".into(), ..DeleteRangeRequest::default() };
    assert_eq!(validate::delete_range(&key), Ok(()));
}

#[test]
fn operations_of_a_transaction() {
    let check = |request: TxnRequest, expected| assert_eq!(validate::txn(&request, 4), expected);
    check(TxnRequest::default(), Ok(()));
    check(txn(vec![put("a"), put("b"), get("a"), delete("c", "")]), Ok(()));
    check(txn(vec![put("")]), Err(Error::EmptyKey));
    check(txn(vec![get("")]), Err(Error::EmptyKey));
    check(txn(vec![delete("", "")]), Err(Error::EmptyKey));
    check(txn(vec![RequestOp { request: None }]), Err(Error::KeyNotFound));
    check(TxnRequest { failure: vec![put("")], ..TxnRequest::default() }, Err(Error::EmptyKey));
    check(TxnRequest { compare: vec![Compare::default()], ..TxnRequest::default() }, Err(Error::EmptyKey));
    check(txn(vec![nested(vec![put("")], vec![])]), Err(Error::EmptyKey));
    check(txn(vec![nested(vec![], vec![RequestOp { request: None }])]), Err(Error::KeyNotFound));
}

#[test]
fn the_budget_of_operations_is_shared_with_the_levels_below() {
    let puts = |count: usize| (0..count).map(|number| put(&number.to_string())).collect::<Vec<_>>();
    let compares = |count| vec![Compare { key: "k".into(), ..Compare::default() }; count];
    let check = |request: TxnRequest, max, expected| assert_eq!(validate::txn(&request, max), expected);
    check(txn(puts(128)), 128, Ok(()));
    check(txn(puts(129)), 128, Err(Error::TooManyOps));
    check(TxnRequest { compare: compares(129), ..TxnRequest::default() }, 128, Err(Error::TooManyOps));
    check(TxnRequest { failure: puts(129), ..TxnRequest::default() }, 128, Err(Error::TooManyOps));
    // The longest list of a level counts, not the sum.
    check(TxnRequest { compare: compares(2), success: puts(2), failure: puts(2) }, 2, Ok(()));
    // One operation above leaves one below.
    check(txn(vec![nested(puts(1), vec![])]), 2, Ok(()));
    check(txn(vec![nested(puts(2), vec![])]), 2, Err(Error::TooManyOps));
    check(txn(vec![nested(vec![], puts(2))]), 2, Err(Error::TooManyOps));
    check(txn(vec![nested(vec![nested(puts(1), vec![])], vec![])]), 2, Err(Error::TooManyOps));
    // Too many is said before what is wrong with one of them.
    check(txn(vec![put(""), put("")]), 1, Err(Error::TooManyOps));
}

#[test]
fn duplicate_keys() {
    let duplicate = |branch: Vec<RequestOp>| {
        let success = validate::txn(&txn(branch.clone()), 128);
        let failure = validate::txn(&TxnRequest { failure: branch, ..TxnRequest::default() }, 128);
        assert_eq!(success, failure);
        success == Err(Error::DuplicateKey)
    };
    let checks = [
        (vec![put("a"), put("a")], true),
        (vec![put("a"), put("b")], false),
        (vec![put("a"), delete("a", "")], true),
        (vec![delete("a", ""), put("a")], true),
        (vec![delete("a", ""), delete("a", "")], false),
        (vec![delete("a", "c"), put("b")], true),
        (vec![delete("a", "c"), put("c")], false),
        (vec![put("b"), delete("a", "c"), delete("b", "d")], true),
        (vec![delete("a", "b"), delete("c", "d"), delete("b", "c"), put("b")], true),
        // A point inside an interval, and the successor of a point.
        (vec![delete("a", "c"), delete("b", ""), put("c")], false),
        (vec![delete("a", ""), put("a\0")], false),
        // An end that is not greater than the key covers nothing, "from this key on" included.
        (vec![delete("c", "a"), put("b")], false),
        (vec![delete("a", "\0"), put("b")], false),
        (vec![get("a"), put("a"), get("a")], false),
    ];
    for (branch, expected) in checks {
        assert_eq!(duplicate(branch.clone()), expected, "{branch:?}");
    }
    // The two branches of the whole transaction exclude each other.
    let both = TxnRequest { compare: Vec::new(), success: vec![put("a")], failure: vec![put("a")] };
    assert_eq!(validate::txn(&both, 128), Ok(()));
}

#[test]
fn duplicate_keys_in_nested_transactions() {
    let checks = [
        // Then and else of one nested transaction exclude each other.
        (vec![nested(vec![put("a")], vec![put("a")])], false),
        (vec![nested(vec![put("a")], vec![delete("a", "")])], false),
        (vec![nested(vec![put("a")], vec![put("a")]), put("a")], true),
        (vec![put("a"), nested(vec![], vec![put("a")])], true),
        (vec![nested(vec![put("a")], vec![]), nested(vec![], vec![put("a")])], true),
        (vec![nested(vec![put("a"), put("a")], vec![])], true),
        (vec![delete("a", "c"), nested(vec![put("b")], vec![])], true),
        (vec![nested(vec![put("b")], vec![]), delete("a", "c")], true),
        (vec![nested(vec![delete("a", "c")], vec![]), put("b")], true),
        // Only the deletes of earlier nested transactions count against the puts of later ones.
        (vec![nested(vec![delete("a", "c")], vec![]), nested(vec![put("b")], vec![])], true),
        (vec![nested(vec![put("b")], vec![]), nested(vec![delete("a", "c")], vec![])], false),
        (vec![nested(vec![nested(vec![put("a")], vec![])], vec![]), put("a")], true),
    ];
    for (branch, expected) in checks {
        assert_eq!(validate::writes_overlap(&branch), expected, "{branch:?}");
    }
}
