use std::sync::{Arc, Mutex};

use crossbeam_channel::unbounded;
use etcd_proto::raftpb;
use etcd_wal::{AppendError, ReleaseError};

use super::{Job, WalThread};
use crate::driver::apply_thread;
use crate::driver::log::{Appended, Log, Round};
use crate::driver::outbox::Outbox;
use crate::driver::shared::Shared;
use crate::{Leadership, Persist};

struct Nowhere;

impl Outbox<()> for Nowhere {
    fn send(&self, _: Vec<raftpb::Message>) {}

    fn send_snapshot(&self, _: raftpb::Message, (): ()) {}
}

/// Notes how many installations had been passed on at each append.
struct Watch {
    passed_on: crossbeam_channel::Receiver<apply_thread::Job>,
    seen: Arc<Mutex<Vec<(usize, usize)>>>,
}

impl Log for Watch {
    fn append(&mut self, rounds: &[Round<'_>], _: bool) -> Result<Appended, AppendError> {
        self.seen.lock().unwrap().push((rounds.len(), self.passed_on.len()));
        Ok(Appended::default())
    }

    fn save_mark(&mut self, _: &raftpb::SnapshotMetadata) -> Result<(), AppendError> {
        Ok(())
    }

    fn release_to(&mut self, _: u64) -> Result<(), ReleaseError> {
        Ok(())
    }
}

#[test]
fn a_snapshot_is_installed_when_all_before_it_is_durable() {
    let (jobs, jobs_end) = unbounded();
    let (apply, passed_on) = unbounded();
    let round = |round| Job::Round(Persist { round, must_sync: true, ..Persist::default() });
    let snapshot = raftpb::SnapshotMetadata { index: 9, term: 1, conf_state: None };
    for job in [round(1), round(2), Job::Install(snapshot.clone()), round(3)] {
        jobs.send(job).unwrap();
    }
    drop(jobs);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let thread = WalThread {
        log: Watch { passed_on: passed_on.clone(), seen: seen.clone() },
        jobs: jobs_end,
        apply,
        outbox: Arc::new(Nowhere),
        shared: Arc::new(Shared::new(Leadership::default(), 0)),
    };
    thread.run().unwrap();
    assert_eq!(*seen.lock().unwrap(), [(2, 0), (1, 1)], "rounds in a write, and installations before it");
    assert!(matches!(passed_on.recv().unwrap(), apply_thread::Job::Install(found) if found == snapshot));
}
