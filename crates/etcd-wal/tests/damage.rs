//! Every truncation and every flipped bit ends in the exact prefix or in an error.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::path::{Path, PathBuf};

use common::*;
use etcd_proto::raftpb::Entry;
use etcd_wal::sim::SimDisk;
use etcd_wal::{Damage, Dump, OpenError, Record, decode_all};
use proptest::prelude::*;

/// A log of three segments that has everything: small, large, empty and zero entries, hard states, marks, a
/// configuration change, replaced entries. All of it is acknowledged.
fn log() -> (SimDisk, Vec<(PathBuf, Vec<u8>)>) {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    for index in 1..=24 {
        let data = match index % 6 {
            0 => vec![0; 1300],
            1 => Vec::new(),
            2 => vec![0xff; 700],
            _ => vec![index as u8; index as usize],
        };
        let mut entry = entry(1 + index / 8, index, &data);
        if index == 3 {
            entry.r#type = 1;
        }
        wal.append(&[entry], Some(&state(1 + index / 8, index % 2, index / 2)), true).unwrap();
        if index % 7 == 0 {
            wal.save_mark(&mark(index / 2, 1 + index / 2 / 8)).unwrap();
        }
    }
    wal.append(&[entry(4, 23, b"replaced"), entry(4, 24, b""), entry(4, 25, &[0; 40])], None, true).unwrap();
    wal.append(&[], Some(&state(4, 1, 14)), true).unwrap();
    drop(wal);
    let files: Vec<_> =
        segments(&disk).into_iter().map(|path| (path.clone(), disk.read(&path).unwrap())).collect();
    assert!(files.len() >= 3);
    (disk, files)
}

fn used(bytes: &[u8]) -> usize {
    (bytes.len() - bytes.iter().rev().take_while(|&&byte| byte == 0).count()).next_multiple_of(8)
}

/// The entries that the records before `end` in the last segment come to.
fn prefix(files: &[(PathBuf, Vec<u8>)], end: u64) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (position, (_, bytes)) in files.iter().enumerate() {
        let decoded = decode_all(bytes);
        let ends = decoded.records.iter().map(|record| record.offset).skip(1).chain([decoded.end]);
        for (record, record_end) in decoded.records.iter().zip(ends) {
            if position + 1 == files.len() && record_end > end {
                continue;
            }
            if let Record::Entry(entry) = &record.record {
                entries.truncate(entry.index as usize - 1);
                entries.push(entry.clone());
            }
        }
    }
    entries
}

#[test]
fn every_truncation_of_the_last_segment_leaves_the_exact_prefix() {
    let (disk, files) = log();
    let (path, bytes) = files.last().unwrap();
    let header_end = decode_all(bytes).records[2].offset;
    for length in 0..=bytes.len() {
        disk.put(path, &bytes[..length]).unwrap();
        match open(&disk, 0) {
            Err(OpenError::Damaged { damage, .. }) => {
                assert_eq!(damage, Damage::Incomplete);
                assert!((length as u64) < header_end, "cut to {length}: only a cut header is damage");
            }
            Err(error) => panic!("cut to {length}: {error}"),
            Ok((_, recovered)) => {
                let complete = prefix(&files, length as u64);
                assert_eq!(recovered.entries, complete, "cut to {length}");
                let boundary = decode_all(&bytes[..length]).end == length as u64;
                assert_eq!(
                    recovered.repaired.is_none(),
                    boundary || length >= used(bytes),
                    "cut to {length}"
                );
            }
        }
        // Again, to see the repaired log; the bytes from before are kept.
        if let Ok((_, recovered)) = open(&disk, 0) {
            assert_eq!(recovered.repaired, None);
        }
    }
}

#[test]
fn every_truncation_of_an_earlier_segment_is_an_error() {
    let (disk, files) = log();
    for (path, bytes) in &files[..files.len() - 1] {
        for length in 0..bytes.len() {
            disk.put(path, &bytes[..length]).unwrap();
            let damaged = open(&disk, 0);
            assert!(matches!(damaged, Err(OpenError::Damaged { .. })), "{path:?} cut to {length}");
        }
        disk.put(path, bytes).unwrap();
    }
    open(&disk, 0).unwrap();
}

#[test]
fn every_flipped_bit_is_an_error_or_changes_nothing() {
    let (disk, files) = log();
    let (_, whole) = open(&disk, 0).unwrap();
    for (path, bytes) in &files {
        let end = (used(bytes) + 600).min(bytes.len());
        let starts: Vec<_> = decode_all(bytes).records.iter().map(|record| record.offset as usize).collect();
        // Every bit of lengths and headers; of what the checksum covers, one of each byte.
        let in_header = |byte: usize| {
            byte >= end - 1000 || starts.iter().any(|&start| (start..start + 48).contains(&byte))
        };
        let bits = (0..end * 8).filter(|bit| in_header(bit / 8) || bit % 8 == bit / 8 % 8);
        for bit in bits {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            disk.put(path, &flipped).unwrap();
            match open(&disk, 0) {
                Ok((_, recovered)) => {
                    assert!(
                        recovered.entries == whole.entries,
                        "{path:?}, byte {}, bit {}",
                        bit / 8,
                        bit % 8
                    );
                    assert_eq!(recovered.hard_state, whole.hard_state, "byte {}, bit {}", bit / 8, bit % 8);
                    assert!(bit / 8 >= used(bytes), "{path:?}, byte {}, bit {}", bit / 8, bit % 8);
                }
                Err(OpenError::Damaged { path: found, offset, .. }) => {
                    assert!(found >= *path, "{found:?} named for {path:?}");
                    let before = found > *path || offset <= bit as u64 / 8;
                    assert!(before, "byte {}, bit {}: {offset} is after it", bit / 8, bit % 8);
                }
                Err(error) => panic!("{path:?}, byte {}, bit {}: {error}", bit / 8, bit % 8),
            }
        }
        disk.put(path, bytes).unwrap();
    }
}

/// The bit could be flipped, or its sector lost: the record is the same, and all of it is there.
#[test]
fn a_flipped_bit_that_looks_like_a_lost_sector_is_put_right() {
    let disk = SimDisk::new();
    let mut wal = create(&disk);
    let path = segments(&disk).remove(0);
    let used = used(&disk.read(&path).unwrap());
    // The last word of the entry begins a sector, and holds one byte.
    let ends_a_byte_into_a_sector = |data: &Vec<u8>| {
        let probe = SimDisk::new();
        create(&probe).append(&[entry(1, 1, data)], None, true).unwrap();
        let last = probe.read(&path).unwrap().iter().rposition(|&byte| byte != 0).unwrap();
        last > used && last % 512 == 0
    };
    let sizes =
        (1..9_u8).flat_map(|fill| (300..600).map(move |size| [vec![fill; size], vec![0x10]].concat()));
    let data = sizes.into_iter().find(ends_a_byte_into_a_sector).unwrap();
    let whole = entry(1, 1, &data);
    wal.append(std::slice::from_ref(&whole), None, true).unwrap();
    drop(wal);
    let synced = disk.read(&path).unwrap();
    let mut flipped = synced.clone();
    *flipped.iter_mut().rfind(|byte| **byte == 0x10).unwrap() = 0;

    disk.put(&path, &flipped).unwrap();
    let (wal, recovered) = open(&disk, 0).unwrap();
    assert_eq!(recovered.entries, std::slice::from_ref(&whole));
    assert_eq!(recovered.repaired.unwrap().path, path);
    assert_eq!(disk.read(Path::new(&format!("{}.broken", path.display()))).unwrap(), flipped);
    drop(wal);
    disk.crash(1);
    assert_eq!(disk.read(&path).unwrap(), synced);
    assert_eq!(open(&disk, 0).unwrap().1.repaired, None);
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, files) = log();
    use etcd_wal::Disk as _;
    disk.remove_file(&files[1].0).unwrap();
    assert!(matches!(open(&disk, 0), Err(OpenError::MissingSegment { path }) if path == files[2].0));
}

#[test]
fn a_segment_of_another_member_is_refused() {
    let (disk, files) = log();
    let other = SimDisk::new();
    let metadata = etcd_wal::Metadata { node_id: 1, cluster_id: 2 };
    drop(etcd_wal::Wal::create(arc(&other), dir(), metadata, OPTIONS).unwrap());
    let foreign = other.read(&segments(&other)[0]).unwrap();
    disk.put(&files[2].0, &foreign).unwrap();
    assert!(matches!(open(&disk, 0), Err(OpenError::Damaged { damage: Damage::Chain, .. })));
}

#[test]
fn a_torn_tail_is_kept_aside_and_then_gone() {
    let (disk, files) = log();
    let (path, bytes) = files.last().unwrap();
    let last = decode_all(bytes).records.pop().unwrap().offset as usize;
    let torn = &bytes[..last + 9];
    disk.put(path, torn).unwrap();
    let repair = open(&disk, 0).unwrap().1.repaired.unwrap();
    assert_eq!((&repair.path, repair.offset), (path, last as u64));
    assert_eq!(disk.read(Path::new(&format!("{}.broken", path.display()))).unwrap(), torn);
    let now = disk.read(path).unwrap();
    assert_eq!(now.len() as u64, OPTIONS.segment_bytes);
    assert!(now[last..].iter().all(|&byte| byte == 0));
}

#[test]
fn what_the_storage_holds_cannot_be_torn() {
    let (disk, files) = log();
    let (path, bytes) = files.last().unwrap();
    let records = decode_all(bytes).records;
    let cut = records.iter().rev().find(|record| matches!(record.record, Record::Entry(_)));
    disk.put(path, &bytes[..cut.unwrap().offset as usize + 9]).unwrap();
    assert!(matches!(open(&disk, 25), Err(OpenError::Damaged { damage: Damage::Incomplete, .. })));
    assert!(open(&disk, 24).unwrap().1.repaired.is_some());
}

#[test]
fn dumping_reads_everything_and_changes_nothing() {
    let (disk, files) = log();
    let records = Dump::open(&disk, dir()).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let count =
        |wanted: fn(&Record) -> bool| records.iter().filter(|(_, located)| wanted(&located.record)).count();
    assert_eq!(count(|record| matches!(record, Record::Metadata(_))), files.len());
    assert_eq!(count(|record| matches!(record, Record::Crc(_))), files.len());
    assert_eq!(count(|record| matches!(record, Record::Entry(_))), 27);
    assert_eq!(count(|record| matches!(record, Record::Mark(_))), 4);

    let (path, bytes) = files.last().unwrap();
    disk.put(path, &bytes[..used(bytes) - 4]).unwrap();
    let records: Vec<_> = Dump::open(&disk, dir()).unwrap().collect();
    assert!(matches!(records.last(), Some(Err(OpenError::Damaged { damage: Damage::Incomplete, .. }))));
    assert_eq!(disk.read(path).unwrap(), &bytes[..used(bytes) - 4]);
}

proptest! {
    #[test]
    fn any_bytes_can_be_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        decode_all(&bytes);
    }

    #[test]
    fn a_changed_segment_can_be_decoded(
        changes in proptest::collection::vec((0_usize..4096, any::<u8>()), 1..20),
        words in proptest::collection::vec((0_usize..512, any::<u64>()), 0..4),
    ) {
        let mut bytes = log().1[0].1.clone();
        bytes.resize(4096, 0);
        for (at, value) in changes {
            bytes[at] = value;
        }
        for (at, value) in words {
            bytes[at * 8..][..8].copy_from_slice(&value.to_le_bytes());
        }
        decode_all(&bytes);
    }
}
