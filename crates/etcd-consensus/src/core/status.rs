//! What a core knows of itself.

use etcd_proto::raftpb;

use super::{Core, Leadership, Role};
use crate::convert::{conf, message};

/// A member's state at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreStatus {
    /// The member's id.
    pub id: u64,
    /// Leader, term and role.
    pub leadership: Leadership,
    /// The highest index that is known to be committed.
    pub commit: u64,
    /// The highest index that raft was told is applied.
    pub applied: u64,
    /// The last index of the log, durable or not.
    pub last_index: u64,
    /// The first index that is still in memory.
    pub first_index: u64,
}

/// Which reports matter at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Awaits {
    /// Of [`Core::persisted`]: the log's own vote counts for a leader or a candidate, and what is committed is handed
    /// out when it is durable.
    pub persisted: bool,
    /// Of [`Core::applied`].
    pub applied: bool,
}

impl Core {
    /// This member's id.
    pub fn id(&self) -> u64 {
        self.options.id
    }

    /// Leader, role, term and indexes.
    pub fn status(&self) -> CoreStatus {
        CoreStatus {
            id: self.id(),
            leadership: self.current_leadership(),
            commit: self.commit(),
            applied: self.raw.raft.raft_log.applied,
            last_index: self.last_index(),
            first_index: self.raw.raft.raft_log.first_index(),
        }
    }

    /// The hard state as raft has it.
    pub fn hard_state(&self) -> raftpb::HardState {
        message::hard_state_from_raft(&self.raw.raft.hard_state())
    }

    /// The hard state to save beside a snapshot mark, or when a driver stops: its commit index is not beyond what
    /// is durable, and not before what earlier rounds saved.
    pub fn durable_hard_state(&self) -> raftpb::HardState {
        let state = self.hard_state();
        let commit = state.commit.min(self.raw.raft.raft_log.persisted).max(self.saved_commit);
        raftpb::HardState { commit, ..state }
    }

    /// The configuration as of the newest applied change.
    pub fn conf_state(&self) -> raftpb::ConfState {
        conf::state_from_raft(self.raw.store().conf_state.clone())
    }

    /// The highest index that a follower has acknowledged, and whether it was heard of since the last check of
    /// the quorum. `None` unless this member leads and `id` is part of the configuration.
    pub fn progress_of(&self, id: u64) -> Option<(u64, bool)> {
        let pr = self.is_leader().then(|| self.raw.raft.prs().get(id)).flatten()?;
        Some((pr.matched, pr.recent_active))
    }

    pub(super) fn current_leadership(&self) -> Leadership {
        let raft = &self.raw.raft;
        Leadership { leader: raft.leader_id, term: raft.term, role: Role::from(raft.state) }
    }

    /// Whether this member leads.
    pub fn is_leader(&self) -> bool {
        self.raw.raft.state == raft::StateRole::Leader
    }

    /// Whether a report of the log or of the state machine would let this member go on with something. Otherwise the
    /// reports can wait for the next input.
    pub fn awaits(&self) -> Awaits {
        let log = &self.raw.raft.raft_log;
        let passive = self.raw.raft.state == raft::StateRole::Follower && self.handover.is_none();
        Awaits {
            persisted: !passive || self.installing.is_some() || log.committed > log.persisted,
            applied: self.handover.is_some() || self.installing.is_some() || self.is_overloaded(),
        }
    }

    /// Whether this member leads in `term`.
    pub fn leads_in(&self, term: u64) -> bool {
        self.is_leader() && self.term() == term
    }

    pub(super) fn term(&self) -> u64 {
        self.raw.raft.term
    }

    pub(super) fn commit(&self) -> u64 {
        self.raw.raft.raft_log.committed
    }

    pub(super) fn last_index(&self) -> u64 {
        self.raw.raft.raft_log.last_index()
    }

    /// Whether the log has an entry of this term at this index, or begins right after it.
    pub(super) fn matches(&self, index: u64, term: u64) -> bool {
        self.knows(index) && self.raw.raft.raft_log.match_term(index, term)
    }

    /// Whether the term at this index is known.
    pub(super) fn knows(&self, index: u64) -> bool {
        let log = &self.raw.raft.raft_log;
        index + 1 >= log.first_index() && index <= log.last_index()
    }
}
