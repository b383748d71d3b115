//! A disk that is full or broken.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{manual, open_manual};
use crate::{Batch, Bucket, Faults, ReplaceError, Storage, WriteError};

/// Fails the operations after `left` more of them, until told otherwise.
struct Broken {
    left: AtomicUsize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Write,
    Sync,
    Grow,
}

impl Broken {
    fn new(kind: Kind) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(usize::MAX), kind })
    }

    fn fail_after(&self, operations: usize) {
        self.left.store(operations, Ordering::SeqCst);
    }

    fn check(&self, kind: Kind, error: i32) -> io::Result<()> {
        if kind != self.kind {
            return Ok(());
        }
        let take = |left: usize| Some(if left == usize::MAX { left } else { left.saturating_sub(1) });
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
            Ok(0) => Err(io::Error::from_raw_os_error(error)),
            _ => Ok(()),
        }
    }
}

/// Linux numbers.
const ENOSPC: i32 = 28;
const EIO: i32 = 5;

impl Faults for Broken {
    fn write(&self, _: u64, _: usize) -> io::Result<()> {
        self.check(Kind::Write, ENOSPC)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        self.check(Kind::Grow, ENOSPC)
    }

    fn sync(&self) -> io::Result<()> {
        self.check(Kind::Sync, EIO)
    }
}

fn open_broken(path: &Path, faults: &Arc<Broken>) -> Storage {
    let mut options = manual(path);
    options.faults = Some(Arc::clone(faults) as Arc<dyn Faults>);
    Storage::open(options).unwrap()
}

fn write(storage: &Storage, mark: u64, rows: u32) -> Result<(), WriteError> {
    let mut batch = Batch::new(mark);
    for row in 0..rows {
        batch.put(Bucket::KEY, [mark.to_be_bytes().as_slice(), &row.to_be_bytes()].concat(), vec![7; 4000]);
    }
    batch.put(Bucket::META, "mark", mark.to_string());
    storage.write(batch)
}

#[test]
fn a_failed_commit_stops_the_storage_and_loses_nothing_older() {
    for (kind, text) in [(Kind::Write, "No space left"), (Kind::Grow, "No space left"), (Kind::Sync, "error")]
    {
        for operations in [0, 1, 3] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("db");
            let faults = Broken::new(kind);
            let storage = open_broken(&path, &faults);
            write(&storage, 1, 10).unwrap();
            storage.commit().unwrap();
            assert_eq!(storage.failed(), None);

            faults.fail_after(operations);
            write(&storage, 2, 2000).unwrap();
            let mut error = storage.commit().err();
            // A few operations may suffice for one commit, but not for many.
            let mut mark = 2;
            while error.is_none() {
                mark += 1;
                assert!(mark < 50, "{kind:?} never failed");
                write(&storage, mark, 2000).unwrap();
                error = storage.commit().err();
            }
            let durable = storage.durable_mark();
            assert!(durable < mark);
            let reason = storage.failed().unwrap();
            assert!(reason.contains(text), "{kind:?}: {reason}");
            assert!(matches!(error, Some(WriteError::Failed { .. })), "{error:?}");
            assert!(matches!(write(&storage, mark + 1, 1), Err(WriteError::Failed { .. })));
            assert!(matches!(storage.commit(), Err(WriteError::Failed { .. })));
            assert!(storage.snapshot().is_err());
            let replaced = storage.replace_with(&path);
            assert!(matches!(replaced, Err(ReplaceError::Refused(_))), "{replaced:?}");
            let seen = storage.get(Bucket::META, b"mark").unwrap().unwrap();
            assert_eq!(seen, mark.to_string(), "what was visible has to stay visible");
            assert!(storage.close().is_err());
            drop(storage);

            let storage = open_manual(&path);
            // A failed sync leaves it open whether the commit survived; anything else keeps the last durable one.
            let found = storage.durable_mark();
            assert!(found == durable || (kind == Kind::Sync && found == mark), "{kind:?} {found} {durable}");
            assert_eq!(storage.get(Bucket::META, b"mark").unwrap().unwrap(), found.to_string());
        }
    }
}

#[test]
fn a_writer_far_ahead_of_a_stuck_disk_waits() {
    struct Stuck(std::sync::Mutex<()>, AtomicUsize);
    impl Faults for Stuck {
        fn write(&self, _: u64, _: usize) -> io::Result<()> {
            self.1.fetch_add(1, Ordering::SeqCst);
            drop(self.0.lock());
            Ok(())
        }
        fn set_len(&self, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let faults = Arc::new(Stuck(std::sync::Mutex::new(()), AtomicUsize::new(0)));
    let mut options = manual(&dir.path().join("db"));
    options.batch_limit = 4;
    options.faults = Some(Arc::clone(&faults) as Arc<dyn Faults>);
    let storage = Storage::open(options).unwrap();
    let stuck = faults.0.lock().unwrap();
    let written = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for mark in 1..=200u64 {
                write(&storage, mark, 0).unwrap();
                written.fetch_add(1, Ordering::SeqCst);
            }
        });
        // The first commit takes some batches and gets stuck; behind it at most 8 times the limit fit.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let mut calm = 0;
        while calm < 1000 {
            assert!(std::time::Instant::now() < deadline, "the writer never waited");
            let before = written.load(Ordering::SeqCst);
            std::thread::yield_now();
            calm = if written.load(Ordering::SeqCst) == before && before >= 32 { calm + 1 } else { 0 };
        }
        assert!(storage.shared().state.read().active.ops() <= 32);
        drop(stuck);
    });
    assert_eq!(storage.commit().unwrap(), 200);
}
