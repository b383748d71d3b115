//! Every option of a range.

use etcd_proto::etcdserverpb::RangeRequest;
use etcd_proto::etcdserverpb::range_request::{SortOrder, SortTarget};

use super::{Fixture, bytes, range};
use crate::RangeError;

/// Revisions: a 2, b 3, c 4, b again 5, d 6 with a lease, a deleted 7, e 8 and f 8 in one transaction.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.put("a", "5");
    fixture.put("b", "4");
    fixture.put("c", "3");
    fixture.put("b", "9");
    let mut txn = fixture.begin();
    let mut leased = super::put("d", "2");
    leased.lease = 77;
    txn.put(&leased).unwrap();
    txn.commit().unwrap();
    fixture.delete("a");
    let mut txn = fixture.begin();
    txn.put(&super::put("e", "1")).unwrap();
    txn.put(&super::put("f", "1")).unwrap();
    txn.commit().unwrap();
    fixture
}

/// The answer in short: keys with values, `+` if there are more, and the count.
fn answer(fixture: &Fixture, request: &RangeRequest) -> String {
    let (response, revision) = match fixture.store.range(request) {
        Ok(answer) => answer,
        Err(error) => return error.to_string(),
    };
    assert_eq!(revision, 8);
    assert_eq!(response.header.unwrap().revision, 8);
    let mut text = String::new();
    for kv in response.kvs {
        text.push_str(&String::from_utf8_lossy(&kv.key));
        text.push_str(&String::from_utf8_lossy(&kv.value));
        text.push(' ');
    }
    format!("{text}{}{}", if response.more { "+" } else { "=" }, response.count)
}

#[test]
fn intervals() {
    let fixture = fixture();
    let check = |key: &str, end: &str, want: &str| {
        assert_eq!(answer(&fixture, &range(key, end)), want, "{key:?} {end:?}")
    };
    check("b", "", "b9 =1");
    check("a", "", "=0");
    check("zz", "", "=0");
    check("b", "d", "b9 c3 =2");
    check("b", "d\0", "b9 c3 d2 =3");
    check("d", "b", "=0");
    check("b", "b", "=0");
    check("d", "\0", "d2 e1 f1 =3");
    check("\0", "\0", "b9 c3 d2 e1 f1 =5");
}

#[test]
fn revisions() {
    let fixture = fixture();
    let check = |revision: i64, want: &str| {
        let request = RangeRequest { revision, ..range("a", "z") };
        assert_eq!(answer(&fixture, &request), want, "at {revision}");
    };
    check(-1, "b9 c3 d2 e1 f1 =5");
    check(0, "b9 c3 d2 e1 f1 =5");
    check(1, "=0");
    check(2, "a5 =1");
    check(4, "a5 b4 c3 =3");
    check(5, "a5 b9 c3 =3");
    check(7, "b9 c3 d2 =3");
    check(8, "b9 c3 d2 e1 f1 =5");
    check(9, "mvcc: required revision is a future revision");
    let old = RangeRequest { revision: 4, ..range("b", "") };
    assert_eq!(answer(&fixture, &old), "b4 =1");
}

#[test]
fn limits_counts_and_keys() {
    let fixture = fixture();
    let check = |change: fn(&mut RangeRequest), want: &str| {
        let mut request = range("a", "z");
        change(&mut request);
        assert_eq!(answer(&fixture, &request), want, "{request:?}");
    };
    check(|r| r.limit = 2, "b9 c3 +5");
    check(|r| r.limit = 5, "b9 c3 d2 e1 f1 =5");
    check(|r| r.limit = 4, "b9 c3 d2 e1 +5");
    check(|r| r.limit = -3, "b9 c3 d2 e1 f1 =5");
    check(|r| r.limit = i64::MAX, "b9 c3 d2 e1 f1 =5");
    check(|r| r.count_only = true, "=5");
    check(|r| (r.count_only, r.limit) = (true, 1), "=5");
    check(|r| r.keys_only = true, "b c d e f =5");
    check(|r| (r.keys_only, r.limit) = (true, 2), "b c +5");
    check(|r| (r.keys_only, r.sort_target) = (true, SortTarget::Value as i32), "e f d c b =5");
}

#[test]
fn keys_only_has_the_numbers_of_the_index() {
    let fixture = fixture();
    let request = RangeRequest { keys_only: true, ..range("b", "") };
    let kv = fixture.store.range(&request).unwrap().0.kvs.pop().unwrap();
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (3, 5, 2));
    assert_eq!(fixture.get("d").unwrap().lease, 77);
}

#[test]
fn orders() {
    use {SortOrder as Order, SortTarget as Target};
    let fixture = fixture();
    let check = |target: Target, order: Order, limit: i64, want: &str| {
        let request =
            RangeRequest { sort_target: target as i32, sort_order: order as i32, limit, ..range("a", "z") };
        assert_eq!(answer(&fixture, &request), want, "{target:?} {order:?} {limit}");
    };
    check(Target::Key, Order::None, 0, "b9 c3 d2 e1 f1 =5");
    check(Target::Key, Order::Ascend, 2, "b9 c3 +5");
    check(Target::Key, Order::Descend, 2, "f1 e1 +5");
    check(Target::Version, Order::Descend, 1, "b9 +5");
    check(Target::Create, Order::Descend, 3, "e1 f1 d2 +5");
    check(Target::Mod, Order::Ascend, 2, "c3 b9 +5");
    check(Target::Mod, Order::None, 0, "c3 b9 d2 e1 f1 =5");
    check(Target::Value, Order::Ascend, 0, "e1 f1 d2 c3 b9 =5");
    check(Target::Value, Order::Descend, 1, "b9 +5");
    // Equals stay in the order of their keys.
    check(Target::Version, Order::Ascend, 0, "c3 d2 e1 f1 b9 =5");
    check(Target::Version, Order::Descend, 0, "b9 c3 d2 e1 f1 =5");
    check(Target::Value, Order::Descend, 0, "b9 c3 d2 e1 f1 =5");
    // Without an order the limit is taken in the order of the keys, plus one, and only that is sorted.
    check(Target::Mod, Order::None, 1, "c3 +5");
    check(Target::Value, Order::None, 1, "c3 +5");
}

#[test]
fn filters_do_not_change_the_count() {
    let fixture = fixture();
    let check = |change: fn(&mut RangeRequest), want: &str| {
        let mut request = range("a", "z");
        change(&mut request);
        assert_eq!(answer(&fixture, &request), want, "{request:?}");
    };
    check(|r| r.min_mod_revision = 5, "b9 d2 e1 f1 =5");
    check(|r| r.max_mod_revision = 5, "b9 c3 =5");
    check(|r| r.min_create_revision = 4, "c3 d2 e1 f1 =5");
    check(|r| r.max_create_revision = 4, "b9 c3 =5");
    check(|r| (r.min_mod_revision, r.limit) = (5, 2), "b9 d2 +5");
    check(|r| (r.min_mod_revision, r.max_mod_revision) = (5, 6), "b9 d2 =5");
    check(|r| (r.min_mod_revision, r.keys_only) = (6, true), "d e f =5");
}

#[test]
fn compacted_revisions_are_refused() {
    let mut fixture = fixture();
    fixture.compact(5);
    let check = |revision: i64, want: &str| {
        let request = RangeRequest { revision, ..range("a", "z") };
        assert_eq!(answer(&fixture, &request), want, "at {revision}");
        let one = RangeRequest { revision, ..range("b", "") };
        assert_eq!(fixture.store.range(&one).is_err(), revision == 4, "at {revision}");
    };
    check(4, "mvcc: required revision has been compacted");
    check(5, "a5 b9 c3 =3");
    check(0, "b9 c3 d2 e1 f1 =5");
}

#[test]
fn ranges_longer_than_a_chunk() {
    let mut fixture = Fixture::new();
    let mut txn = fixture.begin();
    for number in 0..3500 {
        txn.put(&super::put(&format!("k{number:05}"), &number.to_string())).unwrap();
    }
    txn.commit().unwrap();
    for limit in [0, 1, 999, 1000, 1001, 2500, 3500] {
        let request = RangeRequest { limit, ..range("k", "l") };
        let (response, _) = fixture.store.range(&request).unwrap();
        let want = if limit == 0 { 3500 } else { limit };
        assert_eq!((response.kvs.len() as i64, response.count, response.more), (want, 3500, want < 3500));
        for (number, kv) in response.kvs.iter().enumerate() {
            assert_eq!(kv.key, bytes(&format!("k{number:05}")));
            assert_eq!(kv.value, bytes(&number.to_string()));
        }
        let names = fixture.store.range(&RangeRequest { keys_only: true, ..request }).unwrap().0;
        assert_eq!((names.kvs.len() as i64, names.count), (want, 3500));
    }
    let counted = fixture.store.range(&RangeRequest { count_only: true, ..range("k", "l") }).unwrap().0;
    assert_eq!(counted.count, 3500);
    assert!(matches!(
        fixture.store.range(&RangeRequest { revision: 99, count_only: true, ..range("k", "l") }),
        Err(RangeError::FutureRevision)
    ));
}
