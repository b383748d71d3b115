//! Requests as bytes, damaged: they are read or refused, and what is read is validated.

use etcd_proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest};
use etcd_proto::prost::Message as _;
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::proptest;

use super::{delete, get, nested, put};
use crate::validate;

/// Reads the bytes as every request that has rules.
fn validate_as_each(bytes: &[u8]) {
    if let Ok(txn) = TxnRequest::decode(bytes) {
        let _answer = validate::txn(&txn, 8);
    }
    if let Ok(range) = RangeRequest::decode(bytes) {
        let _answer = validate::range(&range);
    }
    if let Ok(put) = PutRequest::decode(bytes) {
        let _answer = validate::put(&put);
    }
    if let Ok(delete) = DeleteRangeRequest::decode(bytes) {
        let _answer = validate::delete_range(&delete);
    }
}

/// A transaction with something of everything.
fn seed() -> Vec<u8> {
    let inner = nested(vec![put("b"), delete("c", "d")], vec![get("e")]);
    let deep = (0..10).fold(inner, |inner, _| nested(vec![inner], vec![put("a")]));
    TxnRequest { compare: Vec::new(), success: vec![deep, get("x")], failure: vec![delete("a", "\0")] }
        .encode_to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        validate_as_each(&bytes);
    }

    #[test]
    fn damaged_transactions(damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = seed();
        for (at, byte) in damages {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        validate_as_each(&bytes);
    }
}
