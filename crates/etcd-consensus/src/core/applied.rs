//! The configuration as the state machine has applied it.
//!
//! Raft keeps its own, which a snapshot replaces the moment it arrives; entries from before the snapshot may still
//! be on their way through the state machine then, and a change among them must not touch raft's any more.

use raft::eraftpb::{ConfChangeSingle, ConfChangeType, ConfChangeV2, ConfState};
use raft::{Changer, ProgressTracker};

/// A configuration that follows the state machine, change by change.
pub(super) struct AppliedConf {
    tracker: ProgressTracker,
}

impl AppliedConf {
    /// Begins at a stored configuration.
    pub(super) fn restore(state: &ConfState) -> raft::Result<Self> {
        let mut applied = Self { tracker: ProgressTracker::new(1) };
        let singles = |kind, ids: &[u64]| ids.iter().map(move |id| single(kind, *id)).collect::<Vec<_>>();
        let mut incoming = singles(ConfChangeType::AddNode, &state.voters);
        incoming.extend(singles(ConfChangeType::AddLearnerNode, &state.learners));
        if state.voters_outgoing.is_empty() {
            incoming.into_iter().try_for_each(|one| applied.simple(&[one]))?;
            return Ok(applied);
        }
        for one in singles(ConfChangeType::AddNode, &state.voters_outgoing) {
            applied.simple(&[one])?;
        }
        let mut joint = singles(ConfChangeType::RemoveNode, &state.voters_outgoing);
        joint.append(&mut incoming);
        joint.extend(singles(ConfChangeType::AddLearnerNode, &state.learners_next));
        applied.enter_joint(state.auto_leave, &joint)?;
        Ok(applied)
    }

    /// The configuration after `change`; unchanged on an error.
    pub(super) fn change(&mut self, change: &ConfChangeV2) -> raft::Result<ConfState> {
        if change.leave_joint() {
            self.leave_joint()?;
        } else if let Some(auto_leave) = change.enter_joint() {
            self.enter_joint(auto_leave, &change.changes)?;
        } else {
            self.simple(&change.changes)?;
        }
        Ok(self.tracker.conf().to_conf_state())
    }

    fn simple(&mut self, changes: &[ConfChangeSingle]) -> raft::Result<()> {
        let (conf, changes) = Changer::new(&self.tracker).simple(changes)?;
        self.tracker.apply_conf(conf, changes, 1);
        Ok(())
    }

    fn enter_joint(&mut self, auto_leave: bool, changes: &[ConfChangeSingle]) -> raft::Result<()> {
        let (conf, changes) = Changer::new(&self.tracker).enter_joint(auto_leave, changes)?;
        self.tracker.apply_conf(conf, changes, 1);
        Ok(())
    }

    fn leave_joint(&mut self) -> raft::Result<()> {
        let (conf, changes) = Changer::new(&self.tracker).leave_joint()?;
        self.tracker.apply_conf(conf, changes, 1);
        Ok(())
    }
}

fn single(kind: ConfChangeType, node_id: u64) -> ConfChangeSingle {
    ConfChangeSingle { change_type: kind, node_id, ..ConfChangeSingle::default() }
}
