//! Crashes at every write and sync, and failures of each: nothing acknowledged is lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use common::*;
use etcd_proto::raftpb::{Entry, HardState};
use etcd_wal::sim::{Fault, SimDisk};
use etcd_wal::{AppendError, CreateError, OpenError, Wal};
use proptest::prelude::*;

/// One call, to be made on a log.
#[derive(Clone, Debug)]
enum Call {
    /// Entries with these data sizes, going back so many, and whether to sync.
    Append {
        sizes: Vec<usize>,
        back: u64,
        commit: bool,
        sync: bool,
    },
    Mark,
    Release,
}

/// What a log should hold: everything, and up to where it is known to be durable.
#[derive(Clone, Debug, Default)]
struct Model {
    /// Versions of the log, oldest first: each attempted call adds one.
    versions: Vec<(Vec<Entry>, HardState)>,
    /// The newest version that a sync covers.
    durable: usize,
}

impl Model {
    fn new() -> Self {
        Self { versions: vec![(Vec::new(), HardState::default())], durable: 0 }
    }

    fn last(&self) -> (Vec<Entry>, HardState) {
        self.versions.last().unwrap().clone()
    }
}

/// Makes a call; notes what was attempted before, and what is durable after.
fn make(wal: &mut Wal, model: &mut Model, call: &Call) -> Result<(), AppendError> {
    let (mut entries, mut hard_state) = model.last();
    let versions = model.versions.len();
    match call {
        Call::Append { sizes, back, commit, sync } => {
            // Only entries replace entries.
            let back = if sizes.is_empty() { 0 } else { *back };
            let keep = (entries.len() as u64).saturating_sub(back).max(hard_state.commit);
            entries.truncate(keep as usize);
            let term = hard_state.term.max(1) + u64::from(back > 0);
            let mut appended = Vec::new();
            for &size in sizes {
                let index = entries.len() as u64 + 1;
                // Every third entry is zeros, which look like a lost sector.
                let data = vec![if index.is_multiple_of(3) { 0 } else { index as u8 }; size];
                entries.push(entry(term, index, &data));
                appended.push(entries[index as usize - 1].clone());
                model.versions.push((entries.clone(), hard_state));
            }
            hard_state = state(term, 1, if *commit { entries.len() as u64 } else { hard_state.commit });
            model.versions.push((entries, hard_state));
            wal.append(&appended, Some(&hard_state), *sync)?;
            if *sync {
                model.durable = model.versions.len() - 1;
            }
        }
        Call::Mark => {
            let index = hard_state.commit;
            let term = if index == 0 { 0 } else { entries[index as usize - 1].term };
            wal.save_mark(&mark(index, term))?;
            model.durable = versions - 1;
        }
        Call::Release => {
            // A failure leaves a longer log, which is as good.
            let _ = wal.release_to(hard_state.commit);
        }
    }
    Ok(())
}

/// Reads the log back, compares it with the model, and lets the model go on from there.
fn verify(disk: &SimDisk, model: &mut Model) -> Wal {
    let durable_commit = model.versions[model.durable].1.commit;
    let (wal, recovered) = open(disk, durable_commit).unwrap_or_else(|error| panic!("{error} {error:?}"));
    let start = recovered.mark.index as usize;
    assert!(start as u64 <= durable_commit);
    let found = (model.durable..model.versions.len()).rev().find(|&version| {
        let (entries, hard_state) = &model.versions[version];
        let term_only = recovered.hard_state.term > hard_state.term && recovered.hard_state.vote == 0;
        entries.get(start..) == Some(&recovered.entries[..])
            && (*hard_state == recovered.hard_state
                || term_only && hard_state.commit == recovered.hard_state.commit)
    });
    let Some(found) = found else {
        panic!(
            "{} entries after {start}, {:?}: not the log at version {} or later of {}",
            recovered.entries.len(),
            recovered.hard_state,
            model.durable,
            model.versions.len(),
        )
    };
    let entries = model.versions[found].0.clone();
    *model = Model { versions: vec![(entries, recovered.hard_state)], durable: 0 };
    wal
}

fn script() -> Vec<Call> {
    let append =
        |sizes: &[usize], back, commit, sync| Call::Append { sizes: sizes.to_vec(), back, commit, sync };
    vec![
        append(&[10], 0, false, true),
        append(&[0, 600, 30], 0, true, true),
        append(&[1500, 1, 2000], 0, false, true),
        append(&[5], 2, true, true),
        Call::Mark,
        append(&[], 0, true, false),
        append(&[700, 700, 700, 700], 0, false, false),
        append(&[3, 4], 1, false, true),
        append(&[9000], 0, true, true),
        Call::Mark,
        append(&[100; 20], 0, true, true),
        Call::Mark,
        Call::Release,
        append(&[40; 10], 3, true, false),
        append(&[440, 8, 440], 0, false, true),
    ]
}

fn run(wal: &mut Wal, model: &mut Model, calls: &[Call]) -> Result<(), AppendError> {
    calls.iter().try_for_each(|call| make(wal, model, call))
}

fn start(disk: &SimDisk) -> Result<Wal, CreateError> {
    Wal::create(arc(disk), dir(), METADATA, OPTIONS)
}

#[test]
fn power_loss_at_every_operation_loses_nothing_acknowledged() {
    let disk = SimDisk::new();
    let mut model = Model::new();
    run(&mut start(&disk).unwrap(), &mut model, &script()).unwrap();
    let operations = disk.operations();
    assert!(operations > 40);
    for at in 0..operations {
        for seed in 0..12 {
            let disk = SimDisk::new();
            disk.fail_at(at, Fault::PowerLoss);
            let mut model = Model::new();
            let created = start(&disk).map(|mut wal| run(&mut wal, &mut model, &script()).unwrap_err());
            disk.crash(seed * 1000 + at);
            let wal = match (created, open(&disk, 0)) {
                (Err(_), Err(OpenError::NotFound { .. })) => start(&disk).unwrap(),
                (_, opened) => {
                    drop(opened);
                    verify(&disk, &mut model)
                }
            };
            let mut wal = wal;
            run(&mut wal, &mut model, &script()).unwrap();
            drop(wal);
            disk.crash(seed);
            verify(&disk, &mut model);
        }
    }
}

#[test]
fn a_failed_write_or_sync_poisons_the_log() {
    let disk = SimDisk::new();
    let first = { start(&disk).map(|_| disk.operations()).unwrap() };
    run(&mut start(&SimDisk::new()).unwrap(), &mut Model::new(), &script()).unwrap();
    for fault in [Fault::NoSpace, Fault::Io, Fault::Short] {
        for at in first..first + 20 {
            let disk = SimDisk::new();
            disk.fail_at(at, fault);
            let mut wal = start(&disk).unwrap();
            let mut model = Model::new();
            let error = run(&mut wal, &mut model, &script()).unwrap_err();
            match (fault, error) {
                (Fault::NoSpace, AppendError::NoSpace { path }) => assert!(path.starts_with(dir())),
                (Fault::Io | Fault::Short, AppendError::Io { path, .. }) => assert!(path.starts_with(dir())),
                (_, error) => panic!("{fault:?} at {at}: {error:?}"),
            }
            assert!(wal.is_poisoned());
            let operations = disk.operations();
            let next = entry(9, wal.last_index() + 1, b"x");
            assert!(matches!(wal.append(&[next], None, true), Err(AppendError::Poisoned)));
            assert!(matches!(wal.append(&[], None, true), Err(AppendError::Poisoned)));
            assert!(matches!(wal.save_mark(&mark(0, 0)), Err(AppendError::Poisoned)));
            assert_eq!(disk.operations(), operations, "nothing is tried again");
            disk.crash(at);
            verify(&disk, &mut model);
        }
    }
}

#[test]
fn creating_on_a_full_disk_says_so() {
    let count = {
        let disk = SimDisk::new();
        start(&disk).unwrap();
        disk.operations()
    };
    for at in 0..count {
        let disk = SimDisk::new();
        disk.fail_at(at, Fault::NoSpace);
        assert!(matches!(start(&disk), Err(CreateError::NoSpace { path }) if path.starts_with("/")));
        disk.kill();
        // A log that got its name is complete.
        assert!(start(&disk).is_ok() || open(&disk, 0).is_ok());
    }
}

#[test]
fn a_file_that_ends_inside_a_record_survives_a_crash_in_its_repair() {
    let whole = SimDisk::new();
    let mut wal = create(&whole);
    let kept = entry(1, 1, b"kept");
    wal.append(std::slice::from_ref(&kept), None, true).unwrap();
    wal.append(&[entry(1, 2, &[7; 1500])], None, true).unwrap();
    drop(wal);
    let path = &segments(&whole)[0];
    let bytes = whole.read(path).unwrap();
    // The record ends in the same sector as the file does, or later.
    for length in [600, 1000, 1025, 1537, 1540, 1600, 1610] {
        for at in 0..6 {
            for seed in 0..20 {
                let disk = SimDisk::new();
                disk.put(path, &bytes[..length]).unwrap();
                disk.fail_at(at, Fault::PowerLoss);
                drop(open(&disk, 0));
                disk.crash(seed);
                let recovered =
                    open(&disk, 0).unwrap_or_else(|error| panic!("{length} {at} {seed}: {error}")).1;
                assert_eq!(recovered.entries, std::slice::from_ref(&kept));
            }
        }
    }
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let size = prop_oneof![0_usize..40, 400_usize..700, Just(1504), 0_usize..5000];
    let append = (
        proptest::collection::vec(size, 0..6),
        prop_oneof![4 => Just(0_u64), 1 => 1_u64..4],
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(sizes, back, commit, sync)| Call::Append { sizes, back, commit, sync });
    let call = prop_oneof![8 => append, 1 => Just(Call::Mark), 1 => Just(Call::Release)];
    proptest::collection::vec(call, 0..12)
}

proptest! {
    #[test]
    fn lives_that_end_in_crashes(
        lives in proptest::collection::vec((calls(), proptest::option::of(0_u64..30), any::<u64>(), any::<bool>()), 1..6)
    ) {
        let disk = SimDisk::new();
        let mut wal = start(&disk).unwrap();
        let mut model = Model::new();
        for (calls, fail, seed, kill) in lives {
            if let Some(at) = fail {
                disk.fail_at(at, Fault::PowerLoss);
            }
            let _ = run(&mut wal, &mut model, &calls);
            drop(wal);
            if kill && fail.is_none() {
                disk.kill();
                disk.heal();
                model.durable = model.versions.len() - 1;
            } else {
                disk.crash(seed);
            }
            wal = verify(&disk, &mut model);
        }
    }

    #[test]
    fn a_crash_in_the_repair_is_repaired(calls in calls(), at in 0_u64..20, again in 0_u64..6, seeds in any::<[u64; 2]>()) {
        let disk = SimDisk::new();
        let mut model = Model::new();
        let mut wal = start(&disk).unwrap();
        disk.fail_at(at, Fault::PowerLoss);
        let _ = run(&mut wal, &mut model, &calls);
        disk.crash(seeds[0]);
        disk.fail_at(again, Fault::PowerLoss);
        drop(open(&disk, 0));
        disk.crash(seeds[1]);
        verify(&disk, &mut model);
    }
}
