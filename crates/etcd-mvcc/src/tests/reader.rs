//! Ranges that are read in parts.

use std::ops::ControlFlow;
use std::time::Duration;

use etcd_proto::etcdserverpb::{PutRequest, RangeRequest};
use etcd_proto::mvccpb::KeyValue;
use etcd_proto::prost::Message as _;

use super::{Fixture, range};
use crate::{Progress, RangeError};

/// Keys 0000 to 2499, all written in one go, some a second time, some deleted.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    let mut txn = fixture.begin();
    for n in 0..2500 {
        txn.put(&super::put(&format!("{n:04}"), "first")).unwrap();
    }
    txn.commit().unwrap();
    let mut txn = fixture.begin();
    for n in (0..2500).step_by(7) {
        txn.put(&super::put(&format!("{n:04}"), "second")).unwrap();
    }
    txn.put(&PutRequest { lease: 77, ..super::put("0010", "leased") }).unwrap();
    txn.delete_range(&super::delete("1000", "1100")).unwrap();
    txn.commit().unwrap();
    fixture
}

/// Reads in parts of `part` pairs, and gives all of them, whether there are more, and the count.
fn read(fixture: &Fixture, request: &RangeRequest, part: usize) -> (Vec<KeyValue>, bool, i64) {
    let reader = fixture.store.range_reader(request.clone()).unwrap().unwrap();
    let mut pairs: Vec<KeyValue> = Vec::new();
    let mut place = Progress::default();
    loop {
        let before = pairs.len();
        let read = reader.read(&place, |row| {
            pairs.push(KeyValue::decode(row).unwrap());
            if pairs.len() - before == part { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match read.unwrap() {
            Ok(end) => return (pairs, end.more, end.count + i64::try_from(place.shown).unwrap()),
            Err(next) => {
                assert_eq!(next.shown, pairs.len());
                place = next;
            }
        }
    }
}

#[test]
fn the_parts_are_what_a_range_gives_at_once() {
    let fixture = fixture();
    for request in [
        range("", "\0"),
        range("0500", "1500"),
        range("0007", ""),
        range("none", ""),
        range("1000", "1100"),
        range("2", "1"),
        RangeRequest { limit: 1, ..range("", "\0") },
        RangeRequest { limit: 1001, ..range("0001", "\0") },
        RangeRequest { limit: 2400, ..range("", "\0") },
        RangeRequest { limit: 2399, ..range("", "\0") },
        RangeRequest { revision: 2, ..range("0990", "1010") },
        RangeRequest { keys_only: true, limit: 40, ..range("", "\0") },
    ] {
        let (whole, revision) = fixture.store.range(&request).unwrap();
        for part in [1, 31, 1000, 100_000] {
            let (pairs, more, count) = read(&fixture, &request, part);
            assert!(pairs == whole.kvs, "{request:?} by {part}");
            assert_eq!((more, count), (whole.more, whole.count), "{request:?} by {part}");
        }
        let reader = fixture.store.range_reader(request).unwrap().unwrap();
        assert_eq!(reader.revision(), revision);
    }
}

#[test]
fn what_needs_all_pairs_at_once_has_no_reader() {
    let fixture = fixture();
    for request in [
        RangeRequest { count_only: true, ..range("", "\0") },
        RangeRequest { sort_order: 2, ..range("", "\0") },
        RangeRequest { min_mod_revision: 1, ..range("", "\0") },
    ] {
        assert!(fixture.store.range_reader(request).unwrap().is_none());
    }
    let future = RangeRequest { revision: 99, ..range("", "\0") };
    assert!(matches!(fixture.store.range_reader(future), Err(RangeError::FutureRevision)));
}

#[test]
fn a_compaction_waits_for_a_reader_and_not_for_ever() {
    let mut fixture = fixture();
    let request = RangeRequest { revision: 2, ..range("", "\0") };
    let reader = fixture.store.range_reader(request.clone()).unwrap().unwrap();
    let mut txn = fixture.begin();
    let compaction = txn.compact(3).unwrap();
    txn.commit().unwrap();
    assert!(!compaction.wait(Duration::from_millis(300)), "a reader of revision 2 is there");
    assert!(matches!(fixture.store.range_reader(request), Err(RangeError::Compacted)));
    let mut seen = 0;
    let end = reader.read(&Progress::default(), |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(end.unwrap().unwrap().count, 2500);
    assert_eq!(seen, 2500);
    drop(reader);
    assert!(compaction.wait(Duration::from_secs(30)));
}
