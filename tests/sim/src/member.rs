//! One member: what survives a crash, and what does not.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use etcd_consensus::{Core, CoreOptions, Persist, Position, ReadBarrier, RecoveredLog, bootstrap};
use etcd_proto::raftpb;
use etcd_wal::sim::SimDisk;
use etcd_wal::{Dump, Metadata, Options, Wal};

use crate::kv::Kv;

const DIR: &str = "/wal";

/// A member.
pub(crate) struct Member {
    pub(crate) id: u64,
    pub(crate) disk: SimDisk,
    /// What the database holds durably.
    pub(crate) durable: Kv,
    /// How often it was started; part of what makes its reads' contexts unique.
    pub(crate) lives: u64,
    pub(crate) live: Option<Live>,
    /// When it comes back, if it is down.
    pub(crate) back_at: u64,
    /// Disk and state machine do one step in so many ticks.
    pub(crate) slowness: u64,
}

/// What a running member holds.
pub(crate) struct Live {
    pub(crate) core: Core,
    pub(crate) wal: Wal,
    pub(crate) barrier: ReadBarrier<Read>,
    pub(crate) log_jobs: VecDeque<LogJob>,
    pub(crate) apply_jobs: VecDeque<ApplyJob>,
    /// A round whose snapshot is not installed yet.
    pub(crate) installing: Option<Persist>,
    pub(crate) state: Kv,
    pub(crate) received: BTreeMap<u64, Kv>,
    /// Numbers of writes whose clients wait here.
    pub(crate) waiting: Vec<u64>,
}

/// A reader: what it has to see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) floor: u64,
}

/// Work for the disk.
pub(crate) enum LogJob {
    Round(Persist),
    Mark {
        hard_state: Option<raftpb::HardState>,
        mark: raftpb::SnapshotMetadata,
    },
    /// All before it is durable; now the database may be replaced.
    Install(raftpb::SnapshotMetadata),
}

/// Work for the state machine.
pub(crate) enum ApplyJob {
    Entries(Vec<raftpb::Entry>),
    Install(raftpb::SnapshotMetadata),
    Snapshot(raftpb::Message),
}

impl Member {
    /// A member that founds the cluster with `founders` members, or joins (`founders` zero).
    pub(crate) fn new(id: u64, founders: u64, seed: u64) -> Self {
        let disk = SimDisk::new();
        let metadata = Metadata { node_id: id, cluster_id: 1 };
        let mut wal =
            Wal::create(Arc::new(disk.clone()), Path::new(DIR), metadata, options()).expect("a new log");
        let mut durable = Kv::default();
        if founders > 0 {
            let begin = bootstrap((1..=founders).map(|id| (id, Bytes::from_static(b"{}"))));
            wal.append(&begin.entries, Some(&begin.hard_state), true).expect("a healthy disk");
            durable.conf_state = begin.conf_state;
        }
        drop(wal);
        disk.kill();
        let mut member = Self { id, disk, durable, lives: 0, live: None, back_at: 0, slowness: 1 };
        member.start(seed);
        member
    }

    /// Starts from what is durable.
    pub(crate) fn start(&mut self, seed: u64) {
        self.lives += 1;
        let disk = Arc::new(self.disk.clone());
        let at = self.durable.position;
        let (mut wal, found) = match Wal::open(disk, Path::new(DIR), options(), at.index) {
            Ok(opened) => opened,
            Err(error) => panic!("member {}, durable at {at:?}: {error}{}", self.id, self.dump()),
        };
        let recovered = RecoveredLog {
            mark: Position { index: found.mark.index, term: found.mark.term },
            entries: found.entries,
            hard_state: found.hard_state,
            applied: at,
            conf_state: self.durable.conf_state.clone(),
        };
        let core = CoreOptions {
            max_message_bytes: 4096,
            max_inflight: 8,
            max_committed_bytes: 2048,
            max_unapplied_bytes: 16 << 10,
            ..CoreOptions::new(self.id, seed)
        };
        let core = Core::new(core, recovered).expect("log and state belong together");
        if let Some(mark) = core.restarts_at() {
            save_mark(&mut wal, mark);
            wal.append(&[], Some(&core.hard_state()), true).expect("a healthy disk");
        }
        self.live = Some(Live {
            core,
            wal,
            barrier: ReadBarrier::new(self.lives << 32, 5),
            log_jobs: VecDeque::new(),
            apply_jobs: VecDeque::new(),
            installing: None,
            state: self.durable.clone(),
            received: BTreeMap::new(),
            waiting: Vec::new(),
        });
    }

    /// The records of a log that could not be opened.
    fn dump(&self) -> String {
        let Ok(dump) = Dump::open(&self.disk, Path::new(DIR)) else { return String::new() };
        dump.map(|record| format!("\n  {record:?}").chars().take(240).collect::<String>()).collect()
    }

    /// Goes down: with its power, so that what was not synced is lost in part, or only its process.
    pub(crate) fn crash(&mut self, power: Option<u64>, back_at: u64) {
        self.live = None;
        self.back_at = back_at;
        match power {
            Some(seed) => self.disk.crash(seed),
            None => self.disk.kill(),
        }
    }
}

/// Puts a mark; a disk that fails is handled by the caller's next step, which finds the member down.
pub(crate) fn save_mark(wal: &mut Wal, mark: &raftpb::SnapshotMetadata) -> bool {
    let mark = etcd_proto::walpb::Snapshot {
        index: mark.index,
        term: mark.term,
        conf_state: mark.conf_state.clone(),
    };
    wal.save_mark(&mark).is_ok()
}

fn options() -> Options {
    Options { segment_bytes: 16 << 10, no_sync: false, max_wals: 2 }
}
