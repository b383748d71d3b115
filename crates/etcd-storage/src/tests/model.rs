//! The storage against a map: random batches, commits, reopenings, replacements; and readers while commits run.

use std::ops::{Bound, ControlFlow};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::{Content, content, manual, open_manual};
use crate::{Batch, Bucket, Options, Storage, receive};

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(u8, u8, Option<u8>)>),
    Commit,
    Reopen,
    Crash,
    Replace,
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0u8..3, 0u8..40, prop::option::of(any::<u8>()));
    prop_oneof![
        6 => prop::collection::vec(change, 0..12).prop_map(Step::Write),
        2 => Just(Step::Commit),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => Just(Step::Replace),
    ]
}

fn check_reads(storage: &Storage, model: &Content) {
    assert_eq!(&content(storage), model);
    for bucket in [Bucket::KEY, Bucket::META, Bucket::LEASE] {
        let keys: Vec<[u8; 1]> = (0..40).map(|key| [key]).collect();
        let many = storage.get_many(bucket, &keys).unwrap();
        for (key, found) in keys.iter().zip(many) {
            let want = model.get(&(bucket, key.to_vec())).map(Vec::as_slice);
            assert_eq!(found.as_deref(), want);
            assert_eq!(storage.get(bucket, key).unwrap().as_deref(), want);
        }
        let (low, high) = ([7u8], [23u8]);
        let mut seen = Vec::new();
        let visit = |key: &[u8], _: &[u8]| {
            seen.push(key.to_vec());
            if seen.len() == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        storage.range(bucket, Bound::Excluded(&low), Bound::Included(&high), visit).unwrap();
        let inside = |key: &[u8]| key > low.as_slice() && key <= high.as_slice();
        let want = model.keys().filter(|(b, key)| *b == bucket && inside(key)).map(|(_, key)| key.clone());
        assert_eq!(seen, want.take(5).collect::<Vec<_>>());
    }
}

fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut storage = open_manual(&path);
    let (mut model, mut durable) = (Content::new(), Content::new());
    let (mut mark, mut durable_mark) = (0, 0);
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Write(changes) => {
                mark += 1;
                let mut batch = Batch::new(mark);
                for (bucket, key, value) in changes {
                    let bucket = Bucket::ALL[usize::from(bucket)];
                    match value {
                        Some(value) => {
                            batch.put(bucket, vec![key], vec![value; usize::from(value)]);
                            model.insert((bucket, vec![key]), vec![value; usize::from(value)]);
                        }
                        None => {
                            batch.delete(bucket, vec![key]);
                            model.remove(&(bucket, vec![key]));
                        }
                    }
                }
                storage.write(batch).unwrap();
            }
            Step::Commit => {
                assert_eq!(storage.commit().unwrap(), mark);
                (durable, durable_mark) = (model.clone(), mark);
            }
            Step::Reopen => {
                storage.close().unwrap();
                storage = open_manual(&path);
                (durable, durable_mark) = (model.clone(), mark);
            }
            Step::Crash => {
                drop(storage);
                storage = open_manual(&path);
                (model, mark) = (durable.clone(), durable_mark);
            }
            Step::Replace => {
                let snapshot = storage.snapshot().unwrap();
                let mut stream = Vec::new();
                snapshot.write_to(&mut stream).unwrap();
                (durable, durable_mark) = (model.clone(), mark);
                let mut lost = Batch::new(mark);
                lost.put(Bucket::META, "lost", "with the old database");
                storage.write(lost).unwrap();
                let new: PathBuf = dir.path().join(format!("received-{number}"));
                assert_eq!(receive(&new, &mut stream.as_slice()).unwrap(), mark);
                storage.replace_with(&new).unwrap();
                assert!(!new.exists());
            }
        }
        assert_eq!(storage.durable_mark(), durable_mark);
        check_reads(&storage, &model);
    }
    let bytes: usize = {
        storage.commit().unwrap();
        model.iter().map(|((_, key), value)| key.len() + value.len()).sum()
    };
    let view = storage.shared().state.read().view.clone().unwrap();
    assert_eq!(view.meta().bytes, bytes as u64, "the byte count drifted");
    assert_eq!(view.rows().unwrap(), model.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn behaves_as_a_map(steps in prop::collection::vec(step(), 1..30)) {
        run(steps);
    }
}

/// Each batch sets the same number in two buckets: a reader must never see a mixture, nor time run backwards.
#[test]
fn readers_see_whole_batches_while_commits_and_replacements_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut options: Options = manual(&dir.path().join("db"));
    options.batch_interval = Duration::from_millis(1);
    options.batch_limit = 50;
    let storage = Storage::open(options).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut newest = 0;
                while !stop.load(Ordering::Relaxed) {
                    let mut rows = Vec::new();
                    let visit = |_: &[u8], value: &[u8]| {
                        rows.push(u64::from_le_bytes(value.try_into().unwrap()));
                        ControlFlow::Continue(())
                    };
                    storage.range(Bucket::LEASE, Bound::Unbounded, Bound::Unbounded, visit).unwrap();
                    assert!(rows.windows(2).all(|pair| pair[0] == pair[1]), "torn batch: {rows:?}");
                    let now = rows.first().copied().unwrap_or(0);
                    assert!(now >= newest, "{now} after {newest}");
                    newest = now;
                }
            });
        }
        for number in 1..=3000u64 {
            let mut batch = Batch::new(number);
            for key in 0..5u8 {
                batch.put(Bucket::LEASE, vec![key], number.to_le_bytes().to_vec());
            }
            batch.put(Bucket::KEY, number.to_be_bytes().to_vec(), vec![0; 100]);
            storage.write(batch).unwrap();
            if number % 1000 == 0 {
                let mut stream = Vec::new();
                storage.snapshot().unwrap().write_to(&mut stream).unwrap();
                let new = dir.path().join("new");
                receive(&new, &mut stream.as_slice()).unwrap();
                storage.replace_with(&new).unwrap();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(storage.commit().unwrap(), 3000);
}

#[test]
fn commits_by_itself_after_the_interval_and_at_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let wait_for = |storage: &Storage, mark| {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while storage.durable_mark() < mark {
            assert!(std::time::Instant::now() < deadline, "no commit came");
            std::thread::yield_now();
        }
    };
    let mut options = manual(&dir.path().join("interval"));
    options.batch_interval = Duration::from_millis(5);
    let storage = Storage::open(options).unwrap();
    storage.write(Batch::new(3)).unwrap();
    wait_for(&storage, 3);

    let mut options = manual(&dir.path().join("limit"));
    options.batch_limit = 2;
    let storage = Storage::open(options).unwrap();
    let mut batch = Batch::new(9);
    batch.put(Bucket::META, "a", "1");
    batch.put(Bucket::META, "b", "2");
    storage.write(batch).unwrap();
    wait_for(&storage, 9);
}

#[test]
fn a_lower_mark_changes_rows_but_not_the_mark() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_manual(&dir.path().join("db"));
    storage.write(Batch::new(5)).unwrap();
    let mut batch = Batch::new(0);
    batch.put(Bucket::META, "a", "1");
    storage.write(batch).unwrap();
    assert_eq!(storage.commit().unwrap(), 5);
    assert_eq!(storage.get(Bucket::META, b"a").unwrap().as_deref(), Some(b"1".as_slice()));
}

#[test]
fn the_size_follows_the_content() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_manual(&dir.path().join("db"));
    storage.commit().unwrap();
    let empty = storage.size();
    let mut batch = Batch::new(1);
    for key in 0..1000u32 {
        batch.put(Bucket::KEY, key.to_be_bytes().to_vec(), vec![7; 1000]);
    }
    storage.write(batch).unwrap();
    assert_eq!(storage.size(), empty, "as of the last commit");
    assert!(storage.expected_size() >= 1_000_000, "{}", storage.expected_size());
    storage.commit().unwrap();
    let full = storage.size();
    assert_eq!(storage.expected_size(), full.total);
    assert!(full.in_use >= empty.in_use + 1_000_000, "{full:?}");
    assert!(full.total >= full.in_use, "{full:?}");
    let mut batch = Batch::new(2);
    for key in 0..1000u32 {
        batch.delete(Bucket::KEY, key.to_be_bytes().to_vec());
    }
    storage.write(batch).unwrap();
    storage.commit().unwrap();
    assert!(storage.size().in_use < 100_000, "{:?}", storage.size());
}
