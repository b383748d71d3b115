//! The overlap rule as plain sets of keys and intervals, compared pairwise.

use etcd_proto::etcdserverpb::RequestOp;
use etcd_proto::etcdserverpb::request_op::Request;
use proptest::prelude::{Just, Strategy};
use proptest::{collection, prop_assert_eq, prop_oneof, proptest};

use super::{delete, get, nested, put};
use crate::validate;

/// Puts and deleted intervals of a branch, in order and with repetition; `None` once two of them collide.
type Writes = (Vec<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>);

fn model(branch: &[RequestOp]) -> Option<Writes> {
    let (mut puts, mut deletes): Writes = (Vec::new(), Vec::new());
    for op in branch {
        if let Some(Request::RequestDeleteRange(delete)) = &op.request {
            let mut end = delete.range_end.to_vec();
            if end.is_empty() {
                end = [&delete.key, b"\0".as_slice()].concat();
            }
            deletes.push((delete.key.to_vec(), end));
        }
    }
    let hit =
        |key: &Vec<u8>, deletes: &[(Vec<u8>, Vec<u8>)]| deletes.iter().any(|(a, z)| a <= key && key < z);
    for op in branch {
        if let Some(Request::RequestTxn(txn)) = &op.request {
            let branches = [model(&txn.success)?, model(&txn.failure)?];
            if branches.iter().flat_map(|(puts, _)| puts).any(|key| puts.contains(key) || hit(key, &deletes))
            {
                return None;
            }
            for (more_puts, more_deletes) in branches {
                puts.extend(more_puts);
                deletes.extend(more_deletes);
            }
        }
    }
    for op in branch {
        if let Some(Request::RequestPut(put)) = &op.request {
            let key = put.key.to_vec();
            if puts.contains(&key) || hit(&key, &deletes) {
                return None;
            }
            puts.push(key);
        }
    }
    Some((puts, deletes))
}

fn key() -> impl Strategy<Value = String> {
    "[a-f]{1,2}"
}

fn operation() -> impl Strategy<Value = RequestOp> {
    let leaf = prop_oneof![
        4 => key().prop_map(|key| put(&key)),
        1 => key().prop_map(|key| get(&key)),
        2 => (key(), prop_oneof![Just(String::new()), Just("\0".to_owned()), key()])
            .prop_map(|(key, end)| delete(&key, &end)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let branch = || collection::vec(inner.clone(), 0..4);
        (branch(), branch()).prop_map(|(success, failure)| nested(success, failure))
    })
}

proptest! {
    #[test]
    fn overlap_is_what_the_model_says(branch in collection::vec(operation(), 0..6)) {
        prop_assert_eq!(validate::writes_overlap(&branch), model(&branch).is_none());
    }
}
