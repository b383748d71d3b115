//! Defragmentation: nothing is lost, whatever happens meanwhile.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{content, manual, open_manual};
use crate::{Batch, Bucket, DefragmentError, Faults, Storage, receive};

/// Appends a row of 4 KB, changes one of a few others, and removes an old row.
fn write(storage: &Storage, mark: u64) {
    let mut batch = Batch::new(mark);
    batch.put(Bucket::KEY, mark.to_be_bytes().to_vec(), vec![7; 4000]);
    batch.put(Bucket::LEASE, (mark % 50).to_be_bytes().to_vec(), mark.to_string());
    if mark > 400 {
        batch.delete(Bucket::KEY, (mark - 400).to_be_bytes().to_vec());
    }
    storage.write(batch).unwrap();
}

#[test]
fn the_file_shrinks_and_the_rows_stay() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_manual(&dir.path().join("db"));
    for mark in 1..=4000 {
        write(&storage, mark);
        if mark % 100 == 0 {
            storage.commit().unwrap();
        }
    }
    let mut batch = Batch::new(4001);
    for mark in 3600..3990u64 {
        batch.delete(Bucket::KEY, mark.to_be_bytes().to_vec());
    }
    storage.write(batch).unwrap();
    let before = content(&storage);
    let snapshot = storage.snapshot().unwrap();
    let done = storage.defragment().unwrap();
    assert!(done.after.total * 2 < done.before.total, "{done:?}");
    assert!(done.after.total < 1 << 20, "{done:?}");
    assert_eq!(storage.size(), done.after);
    assert!(content(&storage) == before);
    // A view from before stays what it was, all of it.
    let mut stream = Vec::new();
    assert_eq!(snapshot.write_to(&mut stream).unwrap(), snapshot.encoded_len().unwrap());
    assert_eq!(snapshot.get(Bucket::LEASE, &[0; 8]).unwrap().as_deref(), Some(b"4000".as_slice()));
    write(&storage, 4002);
    let expected = content(&storage);
    storage.close().unwrap();
    drop((storage, snapshot));
    let storage = open_manual(&dir.path().join("db"));
    assert_eq!(storage.durable_mark(), 4002);
    assert!(content(&storage) == expected);
    assert_eq!(storage.defragment_times().0.iter().sum::<u64>(), 0);
}

#[test]
fn what_changes_meanwhile_is_there_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = manual(&dir.path().join("db"));
    options.batch_limit = 50;
    let storage = Storage::open(options).unwrap();
    let mark = AtomicU64::new(0);
    let next = || write(&storage, mark.fetch_add(1, Ordering::SeqCst) + 1);
    (0..3000).for_each(|_| next());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                next();
            }
        });
        for _ in 0..3 {
            storage.defragment().unwrap();
        }
        stop.store(true, Ordering::SeqCst);
    });
    let mark = mark.into_inner();
    let expected = content(&storage);
    let keys: Vec<u64> = expected
        .keys()
        .filter(|(bucket, _)| *bucket == Bucket::KEY)
        .map(|(_, key)| u64::from_be_bytes(key.as_slice().try_into().unwrap()))
        .collect();
    assert_eq!(keys, (mark - 399..=mark).collect::<Vec<_>>(), "exactly the last 400 rows are there");
    for lease in 0..50u64 {
        let newest = (mark - 49..=mark).find(|mark| mark % 50 == lease).unwrap();
        let stored = expected.get(&(Bucket::LEASE, lease.to_be_bytes().to_vec()));
        assert_eq!(stored, Some(&newest.to_string().into_bytes()));
    }
    let size = storage.snapshot().unwrap().encoded_len().unwrap();
    let mut stream = Vec::new();
    assert_eq!(storage.snapshot().unwrap().write_to(&mut stream).unwrap(), size, "sizes are still right");
    storage.close().unwrap();
    drop(storage);
    let storage = open_manual(&dir.path().join("db"));
    assert_eq!(storage.durable_mark(), mark);
    assert!(content(&storage) == expected);
}

/// Does something once, at the `at`th write to any file.
struct At {
    at: AtomicU64,
    action: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl Faults for At {
    fn write(&self, _: u64, _: usize) -> io::Result<()> {
        if self.at.load(Ordering::SeqCst) > 0 && self.at.fetch_sub(1, Ordering::SeqCst) == 1 {
            (self.action)()
        } else {
            Ok(())
        }
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_it_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let full = Box::new(|| Err(io::Error::from_raw_os_error(28)));
    let faults = Arc::new(At { at: AtomicU64::new(0), action: full });
    let mut options = manual(&path);
    options.faults = Some(Arc::clone(&faults) as Arc<dyn Faults>);
    let storage = Storage::open(options).unwrap();
    (1..=300).for_each(|mark| write(&storage, mark));
    storage.commit().unwrap();
    let expected = content(&storage);
    let mut failures = 0;
    for at in [1, 5, 20, 60] {
        faults.at.store(at, Ordering::SeqCst);
        match storage.defragment() {
            Err(DefragmentError::Store { .. } | DefragmentError::Open(_)) => failures += 1,
            other => assert!(other.is_ok(), "{other:?}"),
        }
        faults.at.store(0, Ordering::SeqCst);
        assert_eq!(storage.failed(), None);
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(content(&storage) == expected);
    }
    assert!(failures >= 2, "{failures}");
    write(&storage, 301);
    storage.commit().unwrap();
    storage.defragment().unwrap();
}

#[test]
fn a_database_that_arrives_meanwhile_wins() {
    let dir = tempfile::tempdir().unwrap();
    let other = open_manual(&dir.path().join("other"));
    write(&other, 9999);
    let mut stream = Vec::new();
    other.snapshot().unwrap().write_to(&mut stream).unwrap();
    let received = dir.path().join("received");
    receive(&received, &mut stream.as_slice()).unwrap();

    let target: Arc<std::sync::OnceLock<Storage>> = Arc::default();
    let action = {
        let target = Arc::clone(&target);
        Box::new(move || {
            // The faults are asked on the defragmenting thread; the replacement comes from another one.
            let storage = target.get().unwrap().clone();
            let received = received.clone();
            std::thread::spawn(move || storage.replace_with(&received).unwrap()).join().unwrap();
            Ok(())
        })
    };
    let faults = Arc::new(At { at: AtomicU64::new(0), action });
    let mut options = manual(&dir.path().join("db"));
    options.faults = Some(Arc::clone(&faults) as Arc<dyn Faults>);
    let storage = Storage::open(options).unwrap();
    (1..=300).for_each(|mark| write(&storage, mark));
    storage.commit().unwrap();
    assert!(target.set(storage.clone()).is_ok());
    faults.at.store(10, Ordering::SeqCst);
    let outcome = storage.defragment();
    assert!(matches!(outcome, Err(DefragmentError::Replaced)), "{outcome:?}");
    assert_eq!(storage.durable_mark(), 9999);
    assert!(content(&storage) == content(&other));
}

#[test]
fn a_leftover_is_removed_and_a_closed_storage_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let leftover = crate::defragment::leftover(&path);
    std::fs::write(&leftover, "half a database").unwrap();
    let storage = open_manual(&path);
    assert!(!leftover.exists());
    storage.close().unwrap();
    assert!(matches!(storage.defragment(), Err(DefragmentError::Commit(_))));
}
