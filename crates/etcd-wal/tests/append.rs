//! Appending, reopening, cutting, marks and release.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::path::Path;

use common::*;
use etcd_wal::sim::SimDisk;
use etcd_wal::{AppendError, CreateError, Damage, OpenError, Options, Round, Wal, exists};

#[test]
fn what_was_appended_is_there_after_reopening() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    let entries = [entry(1, 1, b"one"), entry(1, 2, b"two"), entry(2, 3, b"")];
    wal.append(&entries, Some(&state(2, 7, 2)), true).unwrap();
    drop(wal);

    let (wal, recovered) = open(&disk, 0).unwrap();
    assert_eq!(recovered.metadata, METADATA);
    assert_eq!(recovered.mark, mark(0, 0));
    assert_eq!(recovered.entries, entries);
    assert_eq!(recovered.hard_state, state(2, 7, 2));
    assert_eq!(recovered.repaired, None);
    assert_eq!(wal.last_index(), 3);
}

#[test]
fn many_rounds_take_one_write_and_one_sync() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    let (first, second) = ([entry(1, 1, b"a")], [entry(1, 2, b"b"), entry(1, 3, b"c")]);
    let rounds = [
        Round { entries: &first, hard_state: Some(&state(1, 1, 0)) },
        Round { entries: &second, hard_state: Some(&state(1, 1, 1)) },
    ];
    let before = disk.operations();
    let written = wal.append_many(&rounds, true).unwrap();
    assert_eq!(disk.operations() - before, 2);
    assert!(written.sync.is_some() && !written.cut && written.bytes > 0);
    drop(wal);
    assert_eq!(open(&disk, 0).unwrap().1.entries, [&first[..], &second[..]].concat());
}

#[test]
fn a_later_entry_replaces_those_from_its_index_on() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    wal.append(&(1..=5).map(|index| entry(1, index, b"old")).collect::<Vec<_>>(), None, true).unwrap();
    wal.append(&[entry(2, 3, b"new")], Some(&state(2, 1, 3)), true).unwrap();
    drop(wal);
    let (_, recovered) = open(&disk, 0).unwrap();
    assert_eq!(recovered.entries, [entry(1, 1, b"old"), entry(1, 2, b"old"), entry(2, 3, b"new")]);
}

#[test]
fn what_cannot_follow_is_refused_and_changes_nothing() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    wal.append(&[entry(2, 1, b"a"), entry(2, 2, b"b")], Some(&state(2, 1, 1)), true).unwrap();
    let refused = |wal: &mut Wal, entries: &[_], state: Option<_>| {
        let operations = disk.operations();
        let Err(AppendError::Invalid { reason }) = wal.append(entries, state.as_ref(), true) else {
            panic!("{entries:?} {state:?} must be refused")
        };
        assert_eq!(disk.operations(), operations);
        reason
    };
    assert_eq!(refused(&mut wal, &[entry(2, 4, b"")], None), Damage::Gap);
    assert_eq!(refused(&mut wal, &[entry(2, 1, b"")], None), Damage::Committed);
    assert_eq!(refused(&mut wal, &[entry(1, 3, b"")], None), Damage::Term);
    assert_eq!(refused(&mut wal, &[], Some(state(2, 1, 3))), Damage::Commit);
    assert_eq!(refused(&mut wal, &[], Some(state(2, 1, 0))), Damage::Commit);
    assert_eq!(refused(&mut wal, &[], Some(state(1, 1, 1))), Damage::Term);
    wal.append(&[entry(2, 3, b"c")], None, true).unwrap();
    drop(wal);
    assert_eq!(open(&disk, 0).unwrap().1.entries.len(), 3);
}

#[test]
fn opens_at_the_newest_committed_mark_that_the_storage_reaches() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    for index in 1..=300 {
        wal.append(&[entry(1, index, &[7; 40])], Some(&state(1, 1, index)), true).unwrap();
        if index % 100 == 0 {
            wal.save_mark(&mark(index, 1)).unwrap();
        }
    }
    drop(wal);
    assert!(segments(&disk).len() > 3, "the log must have been cut");
    for (at_or_before, expected) in [(0, 0), (99, 0), (100, 100), (250, 200), (300, 300), (u64::MAX, 300)] {
        let (wal, recovered) = open(&disk, at_or_before).unwrap();
        assert_eq!(recovered.mark.index, expected);
        let indexes: Vec<_> = recovered.entries.iter().map(|entry| entry.index).collect();
        assert_eq!(indexes, (expected + 1..=300).collect::<Vec<_>>(), "at {at_or_before}");
        drop(wal);
    }
}

#[test]
fn a_received_snapshot_makes_the_log_jump() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    wal.append(&[entry(1, 1, b"a"), entry(1, 2, b"b")], Some(&state(1, 1, 1)), true).unwrap();
    wal.save_mark(&mark(10, 3)).unwrap();
    // Until it is committed, the mark says nothing.
    drop(wal);
    let (mut wal, recovered) = open(&disk, 10).unwrap();
    assert_eq!((recovered.mark.index, recovered.entries.len()), (0, 2));

    wal.append(&[], Some(&state(3, 1, 10)), true).unwrap();
    wal.append(&[entry(3, 11, b"c")], None, true).unwrap();
    drop(wal);
    let (_, recovered) = open(&disk, 10).unwrap();
    assert_eq!((recovered.mark, recovered.entries), (mark(10, 3), vec![entry(3, 11, b"c")]));
    assert!(matches!(open(&disk, 9), Err(OpenError::NoMark { at_or_before: 9, .. })));
}

/// Entries 1 to 3 in term 2, of which one is committed.
fn log_with_a_tail(disk: &SimDisk) -> Wal {
    let mut wal = create(disk);
    let entries: Vec<_> = (1..=3).map(|index| entry(2, index, &[7; 20])).collect();
    wal.append(&entries, Some(&state(2, 1, 1)), true).unwrap();
    wal
}

#[test]
fn a_received_snapshot_replaces_uncommitted_entries_of_another_term() {
    // In the middle of the entries, and at their end; in a later term, and in an earlier one.
    for (index, term) in [(2, 3), (3, 3), (2, 1), (3, 1)] {
        let disk = SimDisk::new();
        let mut wal = log_with_a_tail(&disk);
        wal.save_mark(&mark(index, term)).unwrap();
        drop(wal);
        // The hard state did not make it: neither the mark nor what it contradicts is used.
        let (mut wal, recovered) = open(&disk, index).unwrap();
        assert_eq!((recovered.mark.index, recovered.entries.len() as u64), (0, index - 1));
        assert_eq!(wal.last_index(), index - 1);
        wal.save_mark(&mark(index, term)).unwrap();
        wal.append(&[], Some(&state(4, 1, index)), true).unwrap();
        let next = entry(term, index + 1, b"next");
        wal.append(std::slice::from_ref(&next), None, true).unwrap();
        drop(wal);
        let (_, recovered) = open(&disk, index).unwrap();
        assert_eq!((recovered.mark, recovered.entries), (mark(index, term), vec![next]));

        // All of it in one life.
        let disk = SimDisk::new();
        let mut wal = log_with_a_tail(&disk);
        wal.save_mark(&mark(index, term)).unwrap();
        let next = entry(term, index + 1, b"next");
        wal.append(&[], Some(&state(4, 1, index)), true).unwrap();
        wal.append(std::slice::from_ref(&next), None, true).unwrap();
        drop(wal);
        let (_, recovered) = open(&disk, index).unwrap();
        assert_eq!((recovered.mark, recovered.entries), (mark(index, term), vec![next]), "{index} {term}");
    }
}

#[test]
fn a_mark_against_a_committed_entry_is_refused() {
    let disk = SimDisk::new();
    let mut wal = log_with_a_tail(&disk);
    wal.append(&[], Some(&state(2, 1, 3)), true).unwrap();
    assert!(matches!(wal.save_mark(&mark(3, 1)), Err(AppendError::Invalid { reason: Damage::Term })));
    wal.save_mark(&mark(3, 2)).unwrap();
}

#[test]
fn a_segment_begun_right_after_a_received_snapshot_is_named_after_it() {
    let disk = SimDisk::new();
    let mut wal = log_with_a_tail(&disk);
    wal.save_mark(&mark(20, 3)).unwrap();
    // Does not fit any more.
    let large = entry(3, 21, &[9; 4000]);
    wal.append(&[], Some(&state(3, 1, 20)), false).unwrap();
    let written = wal.append(std::slice::from_ref(&large), None, true).unwrap();
    assert!(written.cut);
    let last = segments(&disk).pop().unwrap();
    assert!(last.to_str().unwrap().ends_with("-0000000000000015.wal"), "{last:?}");
    drop(wal);
    assert_eq!(open(&disk, 20).unwrap().1.entries, std::slice::from_ref(&large));
    assert_eq!(open(&disk, 21).unwrap().1.entries, [large]);
}

#[test]
fn a_segment_begun_before_a_received_snapshot_counts_is_named_after_it() {
    let disk = SimDisk::new();
    let mut wal = log_with_a_tail(&disk);
    wal.save_mark(&mark(20, 3)).unwrap();
    let large = entry(3, 21, &[9; 4000]);
    let written = wal.append(std::slice::from_ref(&large), Some(&state(3, 1, 20)), true).unwrap();
    assert!(written.cut);
    let last = segments(&disk).pop().unwrap();
    assert!(last.to_str().unwrap().ends_with("-0000000000000015.wal"), "{last:?}");
    drop(wal);
    for at in [20, 21] {
        let (wal, recovered) = open(&disk, at).unwrap();
        assert_eq!((recovered.mark, &recovered.entries[..]), (mark(20, 3), std::slice::from_ref(&large)));
        assert_eq!(wal.last_index(), 21);
    }
}

#[test]
fn a_torn_write_behind_the_mark_of_a_received_snapshot_is_repaired() {
    let disk = SimDisk::new();
    let mut wal = log_with_a_tail(&disk);
    wal.save_mark(&mark(20, 3)).unwrap();
    let path = segments(&disk).remove(0);
    let before = disk.read(&path).unwrap();
    let end = etcd_wal::decode_all(&before).end as usize;
    wal.append(&[entry(3, 21, &[9; 900])], Some(&state(3, 1, 20)), true).unwrap();
    drop(wal);
    let mut torn = disk.read(&path).unwrap();
    // A sector in the middle of the entry.
    let lost = (end / 512 + 1) * 512;
    torn[lost..lost + 512].fill(0);
    disk.put(&path, &torn).unwrap();
    // The storage is at 20, and the mark says so.
    let (_, recovered) = open(&disk, 20).unwrap();
    assert!(recovered.repaired.is_some());
    disk.put(&path, &torn).unwrap();
    assert!(matches!(open(&disk, 21), Err(OpenError::Damaged { damage: Damage::Incomplete, .. })));
}

#[test]
fn release_keeps_what_the_mark_needs_and_as_many_segments_as_asked() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    for index in 1..=300 {
        wal.append(&[entry(1, index, &[7; 40])], Some(&state(1, 1, index)), true).unwrap();
    }
    let all = segments(&disk).len();
    assert_eq!(wal.release_to(300).unwrap(), 0, "there is no mark but the first");
    wal.save_mark(&mark(150, 1)).unwrap();
    let removed = wal.release_to(200).unwrap();
    assert!(removed > 0);
    assert_eq!(segments(&disk).len(), all - removed);
    drop(wal);
    let (mut wal, recovered) = open(&disk, 200).unwrap();
    assert_eq!((recovered.mark.index, recovered.entries.len()), (150, 150));
    wal.save_mark(&mark(300, 1)).unwrap();
    wal.release_to(300).unwrap();
    assert_eq!(segments(&disk).len(), OPTIONS.max_wals);
    drop(wal);
    assert!(matches!(open(&disk, 149), Err(OpenError::NoMark { .. })));

    let (mut wal, _) = Wal::open(arc(&disk), dir(), Options { max_wals: 0, ..OPTIONS }, 300).unwrap();
    assert_eq!(wal.release_to(300).unwrap(), 0, "0 keeps all");
}

#[test]
fn a_mark_whose_commit_a_crash_can_take_back_releases_nothing() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    for index in 1..=300 {
        wal.append(&[entry(1, index, &[7; 40])], Some(&state(1, 1, 0)), true).unwrap();
    }
    wal.save_mark(&mark(300, 1)).unwrap();
    wal.append(&[], Some(&state(1, 1, 300)), false).unwrap();
    assert_eq!(wal.release_to(300).unwrap(), 0);
    wal.sync().unwrap();
    assert!(wal.release_to(300).unwrap() > 0);
}

#[test]
fn a_log_can_go_to_another_thread() {
    fn goes<T: Send + 'static>(_: &T) {}
    goes(&create(&SimDisk::new()));
}

#[test]
fn a_batch_larger_than_a_segment_is_one_write() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    wal.append(&[entry(1, 1, b"small")], None, true).unwrap();
    let large = vec![9; 3 * OPTIONS.segment_bytes as usize];
    wal.append(&[entry(1, 2, &large)], Some(&state(1, 1, 0)), true).unwrap();
    wal.append(&[entry(1, 3, b"next")], None, true).unwrap();
    drop(wal);
    assert_eq!(segments(&disk).len(), 3);
    assert_eq!(open(&disk, 0).unwrap().1.entries.len(), 3);
}

#[test]
fn an_existing_or_missing_log_is_said_to_be_so() {
    let disk = SimDisk::new();
    assert!(!exists(&disk, dir()).unwrap());
    assert!(matches!(open(&disk, 0), Err(OpenError::NotFound { .. })));
    drop(create(&disk));
    assert!(exists(&disk, dir()).unwrap());
    let again = Wal::create(arc(&disk), dir(), METADATA, OPTIONS);
    assert!(matches!(again, Err(CreateError::AlreadyExists { dir }) if dir == Path::new(DIR)));
}

#[test]
fn a_log_that_is_open_is_locked() {
    let disk = SimDisk::new();
    let wal = create(&disk);
    assert!(matches!(open(&disk, 0), Err(OpenError::Locked { path }) if path.starts_with(dir())));
    drop(wal);
    open(&disk, 0).unwrap();
}
