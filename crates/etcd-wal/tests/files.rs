//! The log on real files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use common::*;
use etcd_wal::{AppendError, CreateError, FsDisk, OpenError, Wal, exists};

fn create_in(dir: &Path) -> Wal {
    Wal::create(Arc::new(FsDisk), dir, METADATA, OPTIONS).unwrap()
}

#[test]
fn a_log_on_files_is_cut_reopened_and_released() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("member").join("wal");
    let mut wal = create_in(&dir);
    assert!(exists(&FsDisk, &dir).unwrap());
    for index in 1..=200 {
        let written = wal.append(&[entry(1, index, &[3; 90])], Some(&state(1, 1, index)), true).unwrap();
        assert!(written.sync.is_some());
    }
    wal.save_mark(&mark(200, 1)).unwrap();
    assert!(wal.release_to(200).unwrap() > 0);
    drop(wal);

    let left = |name: &str| dir.join(name).try_exists().unwrap();
    assert!(!left("0.tmp") && !left("1.tmp"), "prepared segments go with the log");

    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let mut segments = 0;
    for file in dir.read_dir().unwrap().map(Result::unwrap) {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
        segments += usize::from(file.path().extension().is_some_and(|extension| extension == "wal"));
    }
    assert_eq!(segments, OPTIONS.max_wals);

    let (mut wal, recovered) = Wal::open(Arc::new(FsDisk), &dir, OPTIONS, 200).unwrap();
    assert_eq!((recovered.mark, recovered.hard_state), (mark(200, 1), state(1, 1, 200)));
    wal.append(&[entry(1, 201, b"more")], None, true).unwrap();
    let tail = dir.join(newest(&dir));
    assert_eq!(tail.metadata().unwrap().len(), OPTIONS.segment_bytes, "it does not grow with its records");
}

fn newest(dir: &Path) -> String {
    let names = dir.read_dir().unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".wal")).max().unwrap()
}

#[test]
fn an_open_log_is_locked_and_the_error_names_the_segment() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("wal");
    let wal = create_in(&dir);
    let error = Wal::open(Arc::new(FsDisk), &dir, OPTIONS, 0).unwrap_err();
    assert!(matches!(&error, OpenError::Locked { path } if path.starts_with(&dir)));
    assert!(
        error.to_string().ends_with("0000000000000000-0000000000000000.wal is locked by another process")
    );
    drop(wal);
    Wal::open(Arc::new(FsDisk), &dir, OPTIONS, 0).unwrap();
}

#[test]
fn what_is_in_the_way_is_kept() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("wal");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("notes.txt"), "mine").unwrap();
    let refused = Wal::create(Arc::new(FsDisk), &dir, METADATA, OPTIONS);
    assert!(matches!(refused, Err(CreateError::Io { path, .. }) if path == dir));
    std::fs::remove_file(dir.join("notes.txt")).unwrap();
    create_in(&dir);
}

#[test]
fn a_full_device_is_reported_with_the_path() {
    let error = AppendError::NoSpace { path: "/data/wal/x.wal".into() };
    assert_eq!(error.to_string(), "no space left on device for /data/wal/x.wal");
}
