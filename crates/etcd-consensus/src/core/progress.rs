//! What the driver reports back: durable, applied, compacted, unreachable.

use raft::eraftpb::SnapshotMetadata;

use super::Core;
use super::applied::AppliedConf;

impl Core {
    /// Every round up to and including `round` is durable. A snapshot in it is installed as well.
    pub fn persisted(&mut self, round: u64) {
        while self.rounds.front().is_some_and(|(number, _)| *number <= round) {
            self.rounds.pop_front();
        }
        self.raw.on_persist_ready(round);
        self.report_applied();
    }

    /// The state machine has applied everything up to and including `index`; or, for a snapshot, holds it.
    pub fn applied(&mut self, index: u64) {
        self.applied = self.applied.max(index);
        while let Some((_, bytes)) = self.unapplied.pop_front_if(|(last, _)| *last <= index) {
            self.unapplied_bytes -= bytes;
        }
        self.report_applied();
    }

    /// Drops the entries up to and including `index` from memory, as far as they are applied. A follower that
    /// still needs them gets a snapshot.
    pub fn compact(&mut self, index: u64) {
        self.raw.mut_store().compact(index);
    }

    /// A message to this member could not be delivered.
    pub fn report_unreachable(&mut self, id: u64) {
        self.raw.report_unreachable(id);
    }

    /// How the sending of a snapshot ended. Every snapshot in an output needs this report: nothing else is sent
    /// to the follower before.
    pub fn report_snapshot(&mut self, id: u64, delivered: bool) {
        let status = if delivered { raft::SnapshotStatus::Finish } else { raft::SnapshotStatus::Failure };
        self.raw.report_snapshot(id, status);
    }

    /// Raft panics when it is told of more than is committed and durable.
    fn report_applied(&mut self) {
        let log = &self.raw.raft.raft_log;
        let index = self.applied.min(log.committed).min(log.persisted);
        if index <= log.applied {
            return;
        }
        self.raw.advance_apply_to(index);
        self.raw.mut_store().applied = index;
        if let Some(snapshot) = self.installing.take_if(|snapshot| snapshot.index <= index) {
            self.installed(snapshot);
        }
    }

    /// The state machine has taken the snapshot's configuration over with its data.
    fn installed(&mut self, mut snapshot: SnapshotMetadata) {
        let state = snapshot.take_conf_state();
        self.applied_conf =
            AppliedConf::restore(&state).expect("a configuration that was validated on arrival");
        self.raw.mut_store().conf_state = state;
    }
}
