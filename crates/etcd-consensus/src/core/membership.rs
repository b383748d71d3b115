//! Changes of the configuration and of the leader.

use etcd_proto::raftpb;
use raft::{INVALID_ID, StateRole};

use super::Core;
use crate::convert::conf::{self, Change};

/// Why a committed change was not applied. Every member comes to the same verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfChangeError {
    /// The type of the change is not known.
    #[error("unknown type of configuration change")]
    UnknownType,
    /// The result would not be a configuration, as when the last voter goes.
    #[error("{0}")]
    Refused(String),
}

/// Why leadership cannot be transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Only a leader can hand over.
    #[error("not the leader")]
    NotLeader,
    /// Only a voter can take over.
    #[error("member {0:x} is not a voter")]
    NotVoter(u64),
}

impl Core {
    /// Applies a committed change, in the order of the log, before a later entry is applied. A change that the
    /// state machine refuses is simply not passed on.
    ///
    /// A leader that the change takes out of the voters steps down at once: raft 0.7.0 would panic.
    ///
    /// # Errors
    /// The configuration is unchanged.
    pub fn apply_conf_change(
        &mut self,
        change: &raftpb::ConfChange,
    ) -> Result<raftpb::ConfState, ConfChangeError> {
        self.change(conf::change(change))
    }

    /// As [`Core::apply_conf_change`], for entries of the second version.
    ///
    /// # Errors
    /// The configuration is unchanged.
    pub fn apply_conf_change_v2(
        &mut self,
        change: &raftpb::ConfChangeV2,
    ) -> Result<raftpb::ConfState, ConfChangeError> {
        self.change(conf::change_v2(change))
    }

    /// Hands leadership to `to`: proposals wait until that is done or given up after an election timeout.
    ///
    /// # Errors
    /// Nothing was begun.
    pub fn transfer_leader(&mut self, to: u64) -> Result<(), TransferError> {
        if !self.is_leader() {
            return Err(TransferError::NotLeader);
        }
        if !self.raw.raft.prs().conf().voters().contains(to) {
            return Err(TransferError::NotVoter(to));
        }
        self.raw.transfer_leader(to);
        Ok(())
    }

    fn change(&mut self, change: Option<Change>) -> Result<raftpb::ConfState, ConfChangeError> {
        let Change::Raft(change) = change.ok_or(ConfChangeError::UnknownType)? else {
            return Ok(self.conf_state());
        };
        let refused = |error: raft::Error| ConfChangeError::Refused(error.to_string());
        let state = self.applied_conf.change(&change).map_err(refused)?;
        let superseded = self.installing.is_some() || self.raw.snap().is_some();
        if !superseded {
            self.raw.apply_conf_change(&change).map_err(refused)?;
            self.step_down_unless_voter();
        }
        self.raw.mut_store().conf_state = state.clone();
        Ok(conf::state_from_raft(state))
    }

    fn step_down_unless_voter(&mut self) {
        let raft = &mut self.raw.raft;
        if raft.state == StateRole::Leader && !raft.prs().conf().voters().contains(raft.id) {
            let term = raft.term;
            raft.become_follower(term, INVALID_ID);
            self.questions.clear();
        }
        self.set_timeout();
    }
}
