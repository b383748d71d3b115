//! Opening, closing, and files that are not ours.

use std::error::Error as _;
use std::os::unix::fs::PermissionsExt as _;

use super::{manual, open_manual};
use crate::database::META;
use crate::{Batch, Bucket, OpenError, ReadError, Storage, WriteError};

#[test]
fn a_second_handle_is_refused_until_the_first_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let first = open_manual(&path);
    let error = Storage::open(manual(&path)).err().unwrap();
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("database {} is in use by another process", path.display()));
    first.close().unwrap();
    drop(open_manual(&path));
}

#[test]
fn the_file_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let _storage = open_manual(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn files_that_are_no_database_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    for content in [b"hello".to_vec(), vec![0; 10_000], b"bbolt".repeat(5000)] {
        std::fs::write(&path, &content).unwrap();
        let error = Storage::open(manual(&path)).err().unwrap();
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
        assert!(error.source().is_some());
        assert_eq!(std::fs::read(&path).unwrap(), content, "the file was changed");
    }
    let error = Storage::open(manual(dir.path())).err().unwrap();
    assert!(matches!(error, OpenError::File { .. }), "{error:?}");
    let error = Storage::open(manual(&dir.path().join("no/such/dir"))).err().unwrap();
    assert!(matches!(error, OpenError::File { .. }), "{error:?}");
}

#[test]
fn another_layout_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    open_manual(&path).close().unwrap();
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("format", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = Storage::open(manual(&path)).err().unwrap();
    assert!(matches!(error, OpenError::Format { found: 99, supported: 1, .. }), "{error:?}");

    let foreign = dir.path().join("foreign");
    let database = redb::Database::create(&foreign).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(redb::TableDefinition::<u64, u64>::new("other")).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = Storage::open(manual(&foreign)).err().unwrap();
    assert!(matches!(error, OpenError::Format { found: 0, .. }), "{error:?}");
}

#[test]
fn a_closed_storage_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_manual(&dir.path().join("db"));
    let mut batch = Batch::new(1);
    batch.put(Bucket::META, "a", "1");
    storage.write(batch).unwrap();
    storage.close().unwrap();
    storage.close().unwrap();
    assert!(matches!(storage.write(Batch::new(2)), Err(WriteError::Closed)));
    assert!(matches!(storage.commit(), Err(WriteError::Closed)));
    assert!(matches!(storage.get(Bucket::META, b"z"), Err(ReadError::Closed)));
    assert!(storage.snapshot().is_err());
    drop(storage);
    let storage = open_manual(&dir.path().join("db"));
    assert_eq!(storage.durable_mark(), 1);
    assert_eq!(storage.get(Bucket::META, b"a").unwrap().as_deref(), Some(b"1".as_slice()));
}

#[test]
fn a_crash_while_the_file_is_created_leaves_nothing_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let half = dir.path().join("db.new");
    for content in [vec![], vec![0; 70_000], b"torn".to_vec()] {
        std::fs::write(&half, content).unwrap();
        let storage = open_manual(&path);
        assert!(!half.exists());
        storage.close().unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
