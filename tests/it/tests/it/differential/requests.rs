//! Random requests about keys.

use bytes::Bytes;
use etcd_proto::etcdserverpb::compare::{CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
    WatchCreateRequest,
};
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// Few, so that they meet; no more than 12, for up to there Go's sort keeps the order of equals, which is compared.
const KEYS: [&[u8]; 12] =
    [b"a", b"a\0", b"aa", b"ab", b"b", b"b/1", b"b/2", b"b/2\xff", b"c", b"\xfe", b"\xff", b"\xff\xff"];

/// What requests refer to, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) revision: i64,
    pub(super) compacted: i64,
    pub(super) leases: Vec<i64>,
    /// Whether ranges end after they begin. What a user may do with others depends on how the permissions of Go's etcd
    /// happen to lie in a tree.
    pub(super) orderly: bool,
    /// Bytes of a value, at most.
    pub(super) value: usize,
}

pub(super) fn key(random: &mut StdRng) -> Bytes {
    if random.random_bool(0.01) {
        return Bytes::new();
    }
    Bytes::from_static(KEYS.choose(random).unwrap())
}

/// Nothing, everything from the key on, a prefix, or any other key, which may be before the first.
pub(super) fn end(random: &mut StdRng, key: &[u8], known: &Known) -> Bytes {
    let end = any_end(random, key);
    if known.orderly && end != "\0" && end <= key { Bytes::new() } else { end }
}

fn any_end(random: &mut StdRng, key: &[u8]) -> Bytes {
    match random.random_range(0..10) {
        0..4 => Bytes::new(),
        4 => Bytes::from_static(b"\0"),
        5 => after_prefix(key),
        6 => [key, b"\0"].concat().into(),
        _ => Bytes::from_static(KEYS.choose(random).unwrap()),
    }
}

fn after_prefix(prefix: &[u8]) -> Bytes {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end.into();
        }
    }
    Bytes::from_static(b"\0")
}

fn value(random: &mut StdRng, known: &Known) -> Bytes {
    match random.random_range(0..8) {
        0 => Bytes::new(),
        1..5 => Bytes::from_static([&b"x"[..], b"y", b"z"].choose(random).unwrap()),
        5 if known.value > 100 => vec![b'v'; known.value].into(),
        _ => (0..random.random_range(1..20)).map(|_| random.random::<u8>()).collect(),
    }
}

/// A revision that is there, that is compacted, or that is to come.
pub(super) fn revision(random: &mut StdRng, known: &Known) -> i64 {
    random.random_range((known.compacted - 2).max(-1)..=known.revision + 1)
}

fn lease(random: &mut StdRng, known: &Known) -> i64 {
    match random.random_range(0..10) {
        0..6 => 0,
        6 => random.random_range(1..=super::generate::LAST_LEASE),
        _ => known.leases.choose(random).copied().unwrap_or_default(),
    }
}

fn bound(random: &mut StdRng, known: &Known) -> i64 {
    if random.random_bool(0.8) { 0 } else { revision(random, known) }
}

pub(super) fn range(random: &mut StdRng, known: &Known) -> RangeRequest {
    let key = if random.random_bool(0.1) { Bytes::from_static(b"\0") } else { key(random) };
    let sorted = random.random_bool(0.4);
    let mut number = |last: i32| if sorted { random.random_range(0..=last) } else { 0 };
    let (mut sort_order, mut sort_target) = (number(2), number(4));
    if random.random_bool(0.01) {
        (sort_order, sort_target) = *[(3, 0), (0, 5), (-1, 0), (1, -1)].choose(random).unwrap();
    }
    RangeRequest {
        range_end: end(random, &key, known),
        key,
        limit: if random.random_bool(0.6) { 0 } else { random.random_range(-1..6) },
        revision: if random.random_bool(0.6) { 0 } else { revision(random, known) },
        sort_order,
        sort_target,
        serializable: random.random_bool(0.3),
        keys_only: random.random_bool(0.2),
        count_only: random.random_bool(0.1),
        min_mod_revision: bound(random, known),
        max_mod_revision: bound(random, known),
        min_create_revision: bound(random, known),
        max_create_revision: bound(random, known),
    }
}

pub(super) fn put(random: &mut StdRng, known: &Known) -> PutRequest {
    let ignore_value = random.random_bool(0.1);
    let ignore_lease = random.random_bool(0.1);
    // Both at once is refused; seldom.
    let with = |random: &mut StdRng, ignored: bool| !ignored || random.random_bool(0.1);
    PutRequest {
        key: key(random),
        value: if with(random, ignore_value) { value(random, known) } else { Bytes::new() },
        lease: if with(random, ignore_lease) { lease(random, known) } else { 0 },
        prev_kv: random.random_bool(0.4),
        ignore_value,
        ignore_lease,
    }
}

pub(super) fn delete(random: &mut StdRng, known: &Known) -> DeleteRangeRequest {
    let key = key(random);
    DeleteRangeRequest { range_end: end(random, &key, known), key, prev_kv: random.random_bool(0.5) }
}

pub(super) fn txn(random: &mut StdRng, known: &Known, depth: usize) -> TxnRequest {
    let many = if random.random_bool(0.01) { 130 } else { 4 };
    let compares = random.random_range(0..3);
    let mut ops = || (0..random.random_range(0..many)).map(|_| op(random, known, depth)).collect();
    let (success, failure) = (ops(), ops());
    TxnRequest { compare: (0..compares).map(|_| compare(random, known)).collect(), success, failure }
}

fn op(random: &mut StdRng, known: &Known, depth: usize) -> RequestOp {
    let request = match random.random_range(0..20) {
        0..7 => Request::RequestRange(range(random, known)),
        7..13 => Request::RequestPut(put(random, known)),
        13..17 => Request::RequestDeleteRange(delete(random, known)),
        _ if depth > 0 && random.random_bool(0.95) => Request::RequestTxn(txn(random, known, depth - 1)),
        _ if random.random_bool(0.05) => return RequestOp { request: None },
        _ => Request::RequestPut(put(random, known)),
    };
    RequestOp { request: Some(request) }
}

fn compare(random: &mut StdRng, known: &Known) -> Compare {
    let key = key(random);
    let target = random.random_range(0..5);
    // Now and then the value is another target's: zero is then compared with.
    let union = if random.random_bool(0.95) { target } else { random.random_range(0..6) };
    let number = if random.random_bool(0.5) { 0 } else { random.random_range(0..=known.revision) };
    let target_union = match union {
        0 => Some(TargetUnion::Version(random.random_range(0..4))),
        1 => Some(TargetUnion::CreateRevision(number)),
        2 => Some(TargetUnion::ModRevision(number)),
        3 => Some(TargetUnion::Value(value(random, known))),
        4 => Some(TargetUnion::Lease(lease(random, known))),
        _ => None,
    };
    let is_odd = random.random_bool(0.01);
    Compare {
        result: if is_odd { 9 } else { random.random_range(0..4) },
        target: if random.random_bool(0.01) { 9 } else { CompareTarget::try_from(target).unwrap() as i32 },
        range_end: if random.random_bool(0.7) { Bytes::new() } else { end(random, &key, known) },
        key,
        target_union,
    }
}

pub(super) fn compact(random: &mut StdRng, known: &Known) -> CompactionRequest {
    CompactionRequest { revision: revision(random, known), physical: random.random_bool(0.5) }
}

pub(super) fn watch(random: &mut StdRng, known: &Known) -> WatchCreateRequest {
    let key = if random.random_bool(0.2) { Bytes::new() } else { key(random) };
    let filters = [&[][..], &[], &[], &[0], &[1], &[0, 1], &[1, 1]];
    WatchCreateRequest {
        range_end: if random.random_bool(0.2) { Bytes::from_static(b"\0") } else { end(random, &key, known) },
        key,
        start_revision: if random.random_bool(0.4) { 0 } else { revision(random, known).max(0) },
        progress_notify: random.random_bool(0.2),
        filters: filters.choose(random).unwrap().to_vec(),
        prev_kv: random.random_bool(0.4),
        watch_id: if random.random_bool(0.8) { 0 } else { random.random_range(0..5) },
        fragment: random.random_bool(0.3),
    }
}
