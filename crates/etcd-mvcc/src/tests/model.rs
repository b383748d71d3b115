//! The store against a map of every revision: operations, compactions, restarts, replaced databases.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::time::Duration;

use etcd_proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest};
use etcd_proto::mvccpb::KeyValue;
use etcd_proto::mvccpb::event::EventType;
use etcd_storage::{Bucket, receive};
use proptest::prelude::*;

use super::Fixture;
use crate::{RangeError, WriteError};

#[derive(Debug, Clone)]
enum Op {
    Put { key: u8, value: u8, lease: i64, ignore_value: bool, ignore_lease: bool },
    Delete { key: u8, end: u8 },
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Op>),
    Drop(Vec<Op>),
    Compact(u8),
    Reopen,
    Replace,
}

fn op() -> impl Strategy<Value = Op> {
    let flag = || prop::bool::weighted(0.1);
    prop_oneof![
        3 => (0u8..12, any::<u8>(), 0i64..3, flag(), flag()).prop_map(
            |(key, value, lease, ignore_value, ignore_lease)| Op::Put { key, value, lease, ignore_value, ignore_lease }
        ),
        1 => (0u8..12, 0u8..14).prop_map(|(key, end)| Op::Delete { key, end }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => prop::collection::vec(op(), 0..5).prop_map(Step::Commit),
        2 => prop::collection::vec(op(), 0..5).prop_map(Step::Drop),
        2 => any::<u8>().prop_map(Step::Compact),
        1 => Just(Step::Reopen),
        1 => Just(Step::Replace),
    ]
}

type Keys = BTreeMap<Vec<u8>, KeyValue>;

/// What the keys were at every revision.
struct Model {
    revisions: BTreeMap<i64, Keys>,
    current: i64,
    compacted: i64,
}

impl Model {
    fn now(&self) -> Keys {
        self.revisions[&self.current].clone()
    }
}

/// Runs the operations on both sides; returns the keys and the events expected.
fn apply(txn: &mut crate::WriteTxn<'_>, model: &Model, ops: &[Op]) -> (Keys, Vec<(EventType, KeyValue)>) {
    let mut keys = model.now();
    let mut events = Vec::new();
    let next = model.current + 1;
    for op in ops {
        match *op {
            Op::Put { key, value, lease, ignore_value, ignore_lease } => {
                let key = vec![key];
                let old = keys.get(&key).cloned();
                let request = PutRequest {
                    key: key.clone().into(),
                    value: vec![value].into(),
                    lease,
                    prev_kv: true,
                    ignore_value,
                    ignore_lease,
                };
                let response = txn.put(&request);
                if old.is_none() && (ignore_value || ignore_lease) {
                    assert!(matches!(response, Err(WriteError::KeyNotFound)));
                    continue;
                }
                let response = response.unwrap();
                assert_eq!(response.prev_kv, old);
                assert_eq!(response.header.unwrap().revision, next);
                let kept = old.clone().unwrap_or_default();
                let pair = KeyValue {
                    key: key.clone().into(),
                    create_revision: old.as_ref().map_or(next, |old| old.create_revision),
                    mod_revision: next,
                    version: old.as_ref().map_or(1, |old| old.version + 1),
                    value: if ignore_value { kept.value } else { vec![value].into() },
                    lease: if ignore_lease { kept.lease } else { lease },
                };
                events.push((EventType::Put, pair.clone()));
                keys.insert(key, pair);
            }
            Op::Delete { key, end } => {
                let range_end = if end == 0 { vec![] } else { vec![end] };
                let request = DeleteRangeRequest {
                    key: vec![key].into(),
                    range_end: range_end.clone().into(),
                    prev_kv: true,
                };
                let response = txn.delete_range(&request).unwrap();
                let mut gone = Vec::new();
                keys.retain(|other, pair| {
                    let inside = if range_end.is_empty() {
                        *other == [key]
                    } else {
                        *other >= vec![key] && *other < range_end
                    };
                    if inside {
                        gone.push(pair.clone());
                    }
                    !inside
                });
                assert_eq!(response.deleted, gone.len() as i64);
                assert_eq!(response.prev_kvs, gone);
                for pair in gone {
                    let pair = KeyValue { key: pair.key, mod_revision: next, ..KeyValue::default() };
                    events.push((EventType::Delete, pair));
                }
            }
        }
        let seen = txn.range(&everything(0)).unwrap();
        assert_eq!(
            seen.kvs,
            keys.values().cloned().collect::<Vec<_>>(),
            "a transaction sees its own changes"
        );
        assert_eq!(seen.header.unwrap().revision, model.current + i64::from(!events.is_empty()));
    }
    (keys, events)
}

/// Every key but `\0` itself, which no test uses.
fn everything(revision: i64) -> RangeRequest {
    RangeRequest { key: "\0".into(), range_end: "\0".into(), revision, ..RangeRequest::default() }
}

fn check(fixture: &Fixture, model: &Model) {
    let store = &fixture.store;
    assert_eq!((store.revision(), store.compact_revision()), (model.current, model.compacted));
    assert_eq!(store.stats().keys, model.now().len() as u64);
    for (revision, keys) in &model.revisions {
        let result = store.range(&everything(*revision));
        if *revision < model.compacted {
            assert!(matches!(result, Err(RangeError::Compacted)), "{revision}");
            match store.hash_kv(*revision) {
                Ok(remembered) => assert_eq!(remembered.hash_revision, *revision),
                Err(error) => assert!(matches!(error, RangeError::Compacted), "{error:?}"),
            }
            continue;
        }
        let (response, at) = result.unwrap();
        assert_eq!(at, model.current);
        assert_eq!(response.kvs, keys.values().cloned().collect::<Vec<_>>(), "at {revision}");
        assert_eq!(response.count, keys.len() as i64);
        for key in 0..12u8 {
            let request =
                RangeRequest { key: vec![key].into(), revision: *revision, ..RangeRequest::default() };
            let pair = store.range(&request).unwrap().0.kvs.pop();
            assert_eq!(pair.as_ref(), keys.get([key].as_slice()));
        }
        let names = store.range(&RangeRequest { keys_only: true, ..everything(*revision) }).unwrap().0.kvs;
        let bare = |pair: &KeyValue| KeyValue { value: "".into(), lease: 0, ..pair.clone() };
        assert_eq!(names, keys.values().map(bare).collect::<Vec<_>>(), "at {revision}");
        assert_eq!(
            store.hash_kv(*revision).unwrap().hash,
            plain_hash(fixture, model, *revision),
            "at {revision}"
        );
    }
    assert!(matches!(store.range(&everything(model.current + 1)), Err(RangeError::FutureRevision)));
}

/// The hash by the letter of its definition, over the rows as they are.
fn plain_hash(fixture: &Fixture, model: &Model, revision: i64) -> u32 {
    if revision == model.compacted
        && let Ok(hash) = fixture.store.hash_kv(revision)
        && hash.compact_revision < revision
    {
        // Remembered from the compaction: its rows are gone, so there is nothing to compare with.
        return hash.hash;
    }
    let live: Vec<i64> = model.revisions[&revision].values().map(|pair| pair.mod_revision).collect();
    let mut bytes = b"key".to_vec();
    let visit = |key: &[u8], value: &[u8]| {
        let main = i64::from_be_bytes(key[..8].try_into().unwrap());
        let is_tombstone = key.len() == 18;
        let old = main <= model.compacted;
        let pair = <KeyValue as etcd_proto::prost::Message>::decode(value).unwrap();
        let seen = model.revisions[&revision].get(pair.key.as_ref());
        let is_live = !is_tombstone && seen == Some(&pair);
        if main <= revision
            && !(old && !live.is_empty() && !is_live)
            && !(main == model.compacted && is_tombstone)
        {
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value);
        }
        ControlFlow::Continue(())
    };
    fixture.storage.range(Bucket::KEY, Bound::Unbounded, Bound::Unbounded, visit).unwrap();
    crc32c::crc32c(&bytes)
}

fn run(steps: Vec<Step>) {
    let mut fixture = Fixture::new();
    let mut model = Model { revisions: BTreeMap::from([(1, Keys::new())]), current: 1, compacted: -1 };
    for step in steps {
        match step {
            Step::Commit(ops) => {
                let mut txn = fixture.begin();
                let (keys, events) = apply(&mut txn, &model, &ops);
                let committed = txn.commit().unwrap();
                if !events.is_empty() {
                    model.current += 1;
                    model.revisions.insert(model.current, keys);
                }
                assert_eq!(committed.revision, model.current);
                let got: Vec<_> =
                    committed.events.into_iter().map(|event| (event.r#type(), event.kv.unwrap())).collect();
                assert_eq!(got, events);
            }
            Step::Drop(ops) => {
                let mut txn = fixture.begin();
                apply(&mut txn, &model, &ops);
            }
            Step::Compact(share) => {
                let revision = 1 + (model.current - 1) * i64::from(share) / 255;
                let mut txn = fixture.begin();
                match txn.compact(revision) {
                    Ok(compaction) => {
                        assert!(revision > model.compacted);
                        txn.commit().unwrap();
                        assert!(compaction.wait(Duration::from_secs(30)));
                        model.compacted = revision;
                    }
                    Err(error) => {
                        assert_eq!(error, crate::CompactError::Compacted);
                        assert!(revision <= model.compacted);
                    }
                }
            }
            Step::Reopen => {
                let before = fixture.store.inner().index.tree();
                fixture = fixture.reopen();
                assert_eq!(fixture.store.inner().index.tree(), before, "the index was rebuilt differently");
                check_leases(&fixture, &model);
            }
            Step::Replace => {
                let mut stream = Vec::new();
                fixture.storage.snapshot().unwrap().write_to(&mut stream).unwrap();
                let mut txn = fixture.begin();
                txn.put(&super::put("lost", "with the old database")).unwrap();
                txn.commit().unwrap();
                let path = fixture.dir.path().join("received");
                receive(&path, &mut stream.as_slice()).unwrap();
                fixture.storage.replace_with(&path).unwrap();
                fixture.store.reload().unwrap();
                check_leases(&fixture, &model);
            }
        }
        check(&fixture, &model);
    }
}

/// A load finds which keys have which lease.
fn check_leases(fixture: &Fixture, model: &Model) {
    let found: BTreeMap<Vec<u8>, i64> =
        fixture.store.take_leases().into_iter().map(|(key, lease)| (key.to_vec(), lease)).collect();
    let keys = model.revisions.get(&model.current).cloned().unwrap_or_default();
    let expected = keys.into_iter().filter(|(_, pair)| pair.lease != 0).map(|(key, pair)| (key, pair.lease));
    assert_eq!(found, expected.collect());
    assert_eq!(fixture.store.take_leases(), [], "to be had once");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn behaves_as_a_map_of_revisions(steps in prop::collection::vec(step(), 1..25)) {
        run(steps);
    }
}
