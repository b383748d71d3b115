//! Read barriers: at which index a read may be served.

use etcd_proto::raftpb::{self, MessageType};
use raft::{INVALID_ID, StateRole};

use super::Core;
use super::output::{Output, ReadState};
use super::questions::Question;

/// Length of the context of a question of this member: its id and a number.
const CONTEXT_BYTES: usize = 16;
/// Length of the context of a leader's round: its id, the term and a number. Must differ from that of a question.
const ROUND_BYTES: usize = 24;

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
    /// This member leads, and its network is so slow that too many questions wait.
    #[error("too many questions wait")]
    TooMany,
}

impl Core {
    /// Asks at which index a read that begins now may be served; the answer is a [`ReadState`] in an output.
    /// It may never come: the question, or its answer, can be lost.
    ///
    /// A leader answers from a round of heartbeats that began after the question. All questions that came before
    /// the round share it, and one round is under way at a time; a round that takes longer than the time between
    /// two heartbeats counts as lost, and a new one begins beside it.
    ///
    /// `context` must never be used twice by this member, also not by an earlier life of it: a late answer to the
    /// first question would be taken for one to the second.
    ///
    /// # Errors
    /// Nothing was asked.
    pub fn read_index(&mut self, context: u64) -> Result<(), ReadIndexError> {
        self.can_read_index()?;
        if self.is_leader() {
            self.collect(Question::Own(context));
        } else {
            self.raw.read_index(self.context_bytes(context));
        }
        Ok(())
    }

    /// Whether [`Core::read_index`] would ask.
    ///
    /// # Errors
    /// The error that it would return.
    pub fn can_read_index(&self) -> Result<(), ReadIndexError> {
        if self.raw.raft.leader_id == INVALID_ID {
            Err(ReadIndexError::NoLeader)
        } else if self.is_early() {
            Err(ReadIndexError::NotCommitted)
        } else if self.is_leader() && self.questions.is_full() {
            Err(ReadIndexError::TooMany)
        } else {
            Ok(())
        }
    }

    /// Keeps a leader from beginning rounds, so that questions gather; it begins one for all of them once `hold` is
    /// false again. Longer than a few milliseconds it holds up every reader of the cluster.
    pub fn hold_rounds(&mut self, hold: bool) {
        self.holds_rounds = hold;
    }

    /// Whether this member leads and has not committed in its term.
    pub(super) fn is_early(&self) -> bool {
        self.raw.raft.state == StateRole::Leader && !self.raw.raft.commit_to_current_term()
    }

    /// Takes the question of another member, or one of our own that another member sends back to us as its leader.
    pub(super) fn asked(&mut self, message: raftpb::Message) {
        let id = message.from;
        let Some(entry) = message.entries.into_iter().next() else { return };
        if id != self.id() {
            self.collect(Question::Of { id, entry });
        } else if let Some(context) = self.own_context(&entry.data) {
            self.collect(Question::Own(context));
        }
    }

    fn collect(&mut self, question: Question) {
        self.questions.enter(self.term());
        self.questions.add(question);
    }

    /// Begins a round of heartbeats when questions wait for one. A leader that has not committed in its term does
    /// not know the commit index, and keeps them.
    ///
    /// # Source
    /// etcd raft `raft.go` `releasePendingReadIndexMessages` for what is kept.
    pub(super) fn begin_round(&mut self) {
        if !self.is_leader() {
            self.questions.clear();
            return;
        }
        self.questions.enter(self.term());
        if self.is_early() || self.holds_rounds {
            return;
        }
        if let Some(number) = self.questions.begin(self.options.heartbeat_ticks) {
            self.raw.read_index(self.round_bytes(number));
        }
    }

    /// Turns what raft yields into answers: to rounds that this member began as the leader, and to questions that
    /// it sent to another one.
    pub(super) fn answer(&mut self, states: Vec<raft::ReadState>, output: &mut Output) {
        for state in states {
            if let Some(context) = self.own_context(&state.request_ctx) {
                output.read_states.push(ReadState { context, index: state.index });
            } else if let Some(number) = self.round_number(&state.request_ctx) {
                self.answer_round(number, state.index, output);
            }
        }
    }

    fn answer_round(&mut self, number: u64, index: u64, output: &mut Output) {
        let (from, term) = (self.id(), self.term());
        for question in self.questions.confirm(number) {
            match question {
                Question::Own(context) => output.read_states.push(ReadState { context, index }),
                Question::Of { id, entry } => output.messages.push(raftpb::Message {
                    r#type: MessageType::MsgReadIndexResp.into(),
                    from,
                    to: id,
                    term,
                    index,
                    entries: vec![entry],
                    ..raftpb::Message::default()
                }),
            }
        }
    }

    /// Contexts are compared across the cluster, so the member's id is part of them.
    fn context_bytes(&self, context: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CONTEXT_BYTES);
        bytes.extend(self.id().to_be_bytes());
        bytes.extend(context.to_be_bytes());
        bytes
    }

    fn own_context(&self, bytes: &[u8]) -> Option<u64> {
        let bytes: &[u8; CONTEXT_BYTES] = bytes.try_into().ok()?;
        number_after(&self.id().to_be_bytes(), bytes)
    }

    /// Heartbeats of a term that is past do not count for raft, so a number need not differ across terms; it does.
    fn round_bytes(&self, number: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ROUND_BYTES);
        bytes.extend(self.id().to_be_bytes());
        bytes.extend(self.term().to_be_bytes());
        bytes.extend(number.to_be_bytes());
        bytes
    }

    /// The number of a round that this member began in the present term, as its leader.
    fn round_number(&self, bytes: &[u8]) -> Option<u64> {
        let mut begin = [0; ROUND_BYTES - 8];
        begin[..8].copy_from_slice(&self.id().to_be_bytes());
        begin[8..].copy_from_slice(&self.term().to_be_bytes());
        self.is_leader().then(|| number_after(&begin, bytes)).flatten()
    }
}

/// The number at the end of `bytes`, which must begin with `begin` and hold nothing else.
fn number_after(begin: &[u8], bytes: &[u8]) -> Option<u64> {
    let number = bytes.strip_prefix(begin)?.try_into().ok()?;
    Some(u64::from_be_bytes(number))
}

#[cfg(test)]
impl Core {
    pub(super) fn context_for_test(&self, context: u64) -> Vec<u8> {
        self.context_bytes(context)
    }
}
