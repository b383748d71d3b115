//! Compaction: what it removes, whom it waits for, and how it resumes.

use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etcd_proto::etcdserverpb::RangeRequest;
use etcd_storage::{Batch, Bucket};

use super::{Fixture, options, put, range};
use crate::{CompactError, RangeError, Store};

/// The revisions of the rows, with `t` behind those of tombstones.
fn rows(fixture: &Fixture) -> String {
    let mut text = Vec::new();
    let visit = |key: &[u8], _: &[u8]| {
        let main = i64::from_be_bytes(key[..8].try_into().unwrap());
        text.push(format!("{main}{}", if key.len() == 18 { "t" } else { "" }));
        ControlFlow::Continue(())
    };
    fixture.storage.range(Bucket::KEY, Bound::Unbounded, Bound::Unbounded, visit).unwrap();
    text.join(" ")
}

fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    for value in 2..=6 {
        fixture.put("a", &value.to_string());
    }
    fixture.put("b", "7");
    fixture.delete("b");
    fixture.put("c", "9");
    fixture
}

#[test]
fn removes_what_nobody_can_read() {
    let check = |revision: i64, want: &str| {
        let mut fixture = fixture();
        fixture.compact(revision);
        assert_eq!(rows(&fixture), want, "compact({revision})");
        assert_eq!(fixture.store.compact_revision(), revision);
        let left = rows(&fixture).split_whitespace().count() as u64;
        assert_eq!(fixture.store.stats().compacted, 8 - left);
    };
    check(1, "2 3 4 5 6 7 8t 9");
    check(2, "2 3 4 5 6 7 8t 9");
    check(4, "4 5 6 7 8t 9");
    check(7, "6 7 8t 9");
    check(8, "6 8t 9");
    check(9, "6 9");
}

#[test]
fn refuses_what_is_compacted_or_not_there() {
    let mut fixture = fixture();
    fixture.compact(5);
    let mut txn = fixture.begin();
    assert_eq!(txn.compact(5).unwrap_err(), CompactError::Compacted);
    assert_eq!(txn.compact(-1).unwrap_err(), CompactError::Compacted);
    assert_eq!(txn.compact(10).unwrap_err(), CompactError::FutureRevision);
    drop(txn);
    assert_eq!(fixture.store.compact_revision(), 5);
    // A transaction that is dropped compacts nothing.
    let mut txn = fixture.begin();
    txn.compact(6).unwrap();
    drop(txn);
    assert_eq!(fixture.store.compact_revision(), 5);
}

#[test]
fn resumes_after_a_restart() {
    let mut fixture = fixture();
    fixture.compact(3);
    // A process that scheduled a compaction, and removed one row of it, before it was killed.
    let mut batch = Batch::new(0);
    let row = |main: i64| [main.to_be_bytes().as_slice(), b"_", &0u64.to_be_bytes()].concat();
    batch.put(Bucket::META, "scheduledCompactRev", row(7));
    batch.delete(Bucket::KEY, row(3));
    fixture.storage.write(batch).unwrap();
    let fixture = fixture.reopen();
    assert_eq!(fixture.store.compact_revision(), 7);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while fixture.storage.get(Bucket::META, b"finishedCompactRev").unwrap().unwrap() != row(7) {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert_eq!(rows(&fixture), "6 7 8t 9");
    assert_eq!(fixture.get("a").unwrap().version, 5);
}

#[test]
fn the_revision_does_not_go_back_when_the_newest_row_is_compacted() {
    let mut fixture = Fixture::new();
    fixture.put("a", "1");
    fixture.delete("a");
    fixture.put("b", "1");
    fixture.delete("b");
    fixture.compact(5);
    // Some versions of etcd remove the last tombstone, too.
    let key = [5i64.to_be_bytes().as_slice(), b"_", &0u64.to_be_bytes(), b"t"].concat();
    let mut batch = Batch::new(0);
    batch.delete(Bucket::KEY, key);
    fixture.storage.write(batch).unwrap();
    let mut fixture = fixture.reopen();
    assert_eq!(fixture.store.revision(), 5);
    assert_eq!(fixture.put("c", "1").revision, 6);
}

#[test]
fn waits_for_readers_of_what_it_removes() {
    let mut fixture = fixture();
    let store = fixture.store.clone();
    let (view, pin) = store.inner().pinned(4);
    let mut txn = fixture.begin();
    let compaction = txn.compact(9).unwrap();
    txn.commit().unwrap();
    assert!(!compaction.wait(Duration::from_millis(150)), "it did not wait");
    // New readers are refused at once, this one goes on.
    let old = RangeRequest { revision: 4, ..range("a", "z") };
    assert!(matches!(store.range(&old), Err(RangeError::Compacted)));
    let pairs = view.pairs(crate::index::Span::Range(b"a", None), 4, 0).unwrap().0;
    assert_eq!(pairs[0].value, "4");
    view.check_whole(4).unwrap();
    drop(pin);
    assert!(compaction.wait(Duration::from_secs(30)));
    assert!(matches!(view.check_whole(4), Err(RangeError::Missing { .. })));
}

#[test]
fn cuts_off_a_reader_that_stays_too_long() {
    let mut fixture = fixture();
    let Fixture { storage, .. } = &fixture;
    let mut options = options();
    options.compaction_reader_wait = Duration::ZERO;
    let (store, mut writer) = Store::open(storage.clone(), options).unwrap();
    let (view, _pin) = store.inner().pinned(4);
    let mut txn = writer.begin(1000);
    let compaction = txn.compact(9).unwrap();
    txn.commit().unwrap();
    assert!(compaction.wait(Duration::from_secs(30)));
    assert!(matches!(view.check_whole(4), Err(RangeError::Missing { .. })));
    fixture.mark = 1000;
}

#[test]
fn the_last_handle_may_go_on_the_compaction_thread() {
    let mut fixture = fixture();
    let store = fixture.store.clone();
    let mut txn = fixture.begin();
    let compaction = txn.compact(9).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    compaction.on_end(move || {
        released.recv().unwrap();
        drop(store);
        sender.send(()).unwrap();
    });
    txn.commit().unwrap();
    let Fixture { store, writer, .. } = fixture;
    drop((store, writer));
    release.send(()).unwrap();
    assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(()));
}

#[test]
fn tells_when_it_has_ended() {
    let mut fixture = fixture();
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut txn = fixture.begin();
    let compaction = txn.compact(9).unwrap();
    let early = sender.clone();
    compaction.on_end(move || early.send(1).unwrap());
    txn.commit().unwrap();
    assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(1));
    compaction.on_end(move || sender.send(2).unwrap());
    assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(2));
}

/// The sum of two keys is the same at every revision; readers check that while writes and compactions go on.
#[test]
fn readers_are_not_disturbed_by_writes_and_compactions() {
    const WRITES: i64 = 3000;
    let mut fixture = Fixture::new();
    let stop = AtomicBool::new(false);
    let store = fixture.store.clone();
    let mut txn = fixture.begin();
    txn.put(&put("a", "0")).unwrap();
    txn.put(&put("z", &WRITES.to_string())).unwrap();
    txn.commit().unwrap();
    std::thread::scope(|scope| {
        for step in [0, 3] {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse::<i64>().unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let revision = if step == 0 { 0 } else { (store.revision() - step).max(2) };
                    match store.range(&RangeRequest { revision, ..range("a", "zz") }) {
                        Ok((response, _)) => {
                            let sum: i64 = response.kvs.iter().map(|kv| number(&kv.value)).sum();
                            assert_eq!((response.kvs.len(), sum), (2, WRITES));
                        }
                        Err(error) => {
                            assert!(
                                revision > 0 && matches!(error, RangeError::Compacted),
                                "{revision}: {error:?}"
                            );
                        }
                    }
                    let one = store.range(&range("a", "")).unwrap().0;
                    assert_eq!(one.kvs.len(), 1);
                }
            });
        }
        for write in 1..=WRITES {
            let mut txn = fixture.begin();
            txn.put(&put("a", &write.to_string())).unwrap();
            txn.put(&put("z", &(WRITES - write).to_string())).unwrap();
            let revision = txn.commit().unwrap().revision;
            if write % 7 == 0 {
                let mut txn = fixture.begin();
                txn.compact(revision - 1).unwrap();
                txn.commit().unwrap();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_compaction_leaves_its_hash() {
    let mut fixture = fixture();
    let before = fixture.store.hash_kv(9).unwrap();
    assert_eq!((before.compact_revision, before.hash_revision), (-1, 9));
    fixture.compact(9);
    // The hash of everything since the previous compaction, as it was before the removal.
    assert_eq!(fixture.store.hash_kv(9).unwrap(), before);
    let now = fixture.store.hash_kv(0).unwrap();
    assert_eq!((now.compact_revision, now.hash_revision), (9, 9));
    assert_ne!(now.hash, before.hash);
    fixture.put("d", "1");
    let after = fixture.store.hash_kv(0).unwrap();
    assert_eq!((after.compact_revision, after.hash_revision), (9, 10));
    let mut reopened = fixture.reopen();
    assert_eq!(reopened.store.hash_kv(0).unwrap(), after);
    assert!(matches!(reopened.store.hash_kv(8), Err(RangeError::Compacted)));
    assert!(matches!(reopened.store.hash_kv(11), Err(RangeError::FutureRevision)));
    reopened.put("e", "1");
    assert_ne!(reopened.store.hash_kv(0).unwrap().hash, after.hash);
    assert_eq!(reopened.store.hash_kv(10).unwrap(), after);
}

/// By hand from the format: the bucket's name, then key and value of every row.
#[test]
fn hashes_by_hand() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.store.hash_kv(0).unwrap().hash, crc32c::crc32c(b"key"));
    fixture.put("a", "1");
    let put = b"key\0\0\0\0\0\0\0\x02_\0\0\0\0\0\0\0\0\x0a\x01a\x10\x02\x18\x02\x20\x01\x2a\x011";
    assert_eq!(fixture.store.hash_kv(0).unwrap().hash, crc32c::crc32c(put));
    fixture.delete("a");
    let both = [put.as_slice(), b"\0\0\0\0\0\0\0\x03_\0\0\0\0\0\0\0\0t\x0a\x01a"].concat();
    assert_eq!(fixture.store.hash_kv(0).unwrap().hash, crc32c::crc32c(&both));
    assert_eq!(fixture.store.hash_kv(2).unwrap().hash, crc32c::crc32c(put));
}

/// A received database takes the place of the current one, time and again, under readers that check what they get.
#[test]
fn readers_see_whole_revisions_while_databases_are_replaced() {
    let mut fixture = Fixture::new();
    let stop = AtomicBool::new(false);
    let store = fixture.store.clone();
    fixture.put("a", "x");
    fixture.put("b", "x");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut newest = 0;
            while !stop.load(Ordering::Relaxed) {
                let (response, revision) = match store.range(&range("a", "c")) {
                    Ok(answer) => answer,
                    // The window in which rows are there and the index is not may be longer than a reader's patience.
                    Err(RangeError::Missing { .. }) => continue,
                    Err(error) => panic!("{error:?}"),
                };
                assert_eq!(response.kvs.len(), 2, "at {revision}");
                assert!(response.kvs.iter().any(|kv| kv.mod_revision == revision), "{response:?}");
                assert!(revision >= newest, "{revision} after {newest}");
                newest = revision;
            }
        });
        for round in 0..40 {
            // What another member did meanwhile, and sent.
            let path = fixture.dir.path().join("other");
            let mut stream = Vec::new();
            fixture.storage.snapshot().unwrap().write_to(&mut stream).unwrap();
            etcd_storage::receive(&path, &mut stream.as_slice()).unwrap();
            let other = super::storage(&path);
            let (other_store, mut writer) = Store::open(other.clone(), options()).unwrap();
            for key in ["a", "b", "a", "b"] {
                let mut txn = writer.begin(round);
                txn.put(&put(key, "y")).unwrap();
                txn.commit().unwrap();
            }
            let mut txn = writer.begin(round);
            let compaction = txn.compact(other_store.revision()).unwrap();
            txn.commit().unwrap();
            assert!(compaction.wait(Duration::from_secs(30)));
            drop((writer, other_store));
            other.close().unwrap();
            fixture.storage.replace_with(&path).unwrap();
            fixture.store.reload().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(fixture.store.revision(), 3 + 160);
}
