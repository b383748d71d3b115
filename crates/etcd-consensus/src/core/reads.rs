//! Read barriers: at which index a read may be served.

use raft::eraftpb;
use raft::{INVALID_ID, StateRole};

use super::Core;
use super::output::ReadState;

/// Questions of other members that a new leader keeps until it has committed in its term.
const MAX_EARLY_READS: usize = 1024;
const CONTEXT_BYTES: usize = 16;

/// Why a read barrier cannot begin. Ask again, with a new context, when the leader changes or some time later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadIndexError {
    /// There is no leader, as far as this member knows.
    #[error("no leader")]
    NoLeader,
    /// This member leads and has not committed an entry in its term yet.
    #[error("the leader has not committed in its term")]
    NotCommitted,
}

impl Core {
    /// Asks at which index a read that begins now may be served; the answer is a [`ReadState`] in an output.
    /// It may never come: the question, or its answer, can be lost.
    ///
    /// `context` must never be used twice by this member, also not by an earlier life of it: raft ignores a
    /// question whose context is pending.
    ///
    /// # Errors
    /// Nothing was asked, where raft 0.7.0 would drop the question without a word.
    pub fn read_index(&mut self, context: u64) -> Result<(), ReadIndexError> {
        self.can_read_index()?;
        self.raw.read_index(self.context_bytes(context));
        Ok(())
    }

    /// Whether [`Core::read_index`] would ask.
    ///
    /// # Errors
    /// The error that it would return.
    pub fn can_read_index(&self) -> Result<(), ReadIndexError> {
        if self.raw.raft.leader_id == INVALID_ID {
            return Err(ReadIndexError::NoLeader);
        }
        if self.is_early() {
            return Err(ReadIndexError::NotCommitted);
        }
        Ok(())
    }

    /// Whether this member leads and has not committed in its term.
    pub(super) fn is_early(&self) -> bool {
        self.raw.raft.state == StateRole::Leader && !self.raw.raft.commit_to_current_term()
    }

    pub(super) fn queue_early_read(&mut self, message: eraftpb::Message) {
        if self.early_reads.len() < MAX_EARLY_READS {
            self.early_reads.push_back(message);
        }
    }

    /// Steps what was kept, once the leader has committed in its term.
    ///
    /// # Source
    /// etcd raft `raft.go` `releasePendingReadIndexMessages`.
    pub(super) fn release_early_reads(&mut self) {
        if self.early_reads.is_empty() || self.is_early() {
            return;
        }
        if !self.is_leader() {
            self.early_reads.clear();
        }
        for message in std::mem::take(&mut self.early_reads) {
            // A lost question is asked again.
            let _ = self.raw.step(message);
        }
    }

    /// Our own answers among those of raft.
    pub(super) fn own_read_states(&self, states: Vec<raft::ReadState>) -> Vec<ReadState> {
        let own = self.id().to_be_bytes();
        let read = |state: raft::ReadState| {
            let (id, context) = state.request_ctx.split_first_chunk::<8>()?;
            let context = u64::from_be_bytes(context.try_into().ok()?);
            (*id == own).then_some(ReadState { context, index: state.index })
        };
        states.into_iter().filter_map(read).collect()
    }

    /// Contexts are compared across the cluster, so the member's id is part of them.
    fn context_bytes(&self, context: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CONTEXT_BYTES);
        bytes.extend(self.id().to_be_bytes());
        bytes.extend(context.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
impl Core {
    pub(super) fn context_for_test(&self, context: u64) -> Vec<u8> {
        self.context_bytes(context)
    }
}
