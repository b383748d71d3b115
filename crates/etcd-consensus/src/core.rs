//! The core: one member's Raft, without clock, thread, disk or network.

use std::collections::VecDeque;

use bytes::Bytes;
use etcd_proto::raftpb;
use raft::eraftpb;
use raft::{RawNode, StateRole};

use crate::convert::{entry, message};
use crate::logger;
use announce::Announced;
use applied::AppliedConf;
use handover::HandOver;
use options::CoreOptions;
use output::{Leadership, Role};
use questions::Questions;
use recover::{LoadError, RecoveredLog};
use storage::LogStore;
use timeouts::Timeouts;
use validate::StepError;

mod announce;
mod applied;
mod handover;
mod membership;
pub(crate) mod options;
pub(crate) mod output;
mod progress;
mod questions;
mod reads;
pub(crate) mod recover;
mod rounds;
pub(crate) mod status;
pub(crate) mod storage;
#[cfg(test)]
mod tests;
mod timeouts;
pub(crate) mod validate;

pub use membership::{ConfChangeError, TransferError};
pub use reads::ReadIndexError;

/// Why a proposal was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// There is no leader, as far as this member knows.
    #[error("no leader")]
    NoLeader,
    /// The leader is handing over to another member.
    #[error("leadership is being transferred")]
    Transferring,
    /// Too much is uncommitted or waits to be applied.
    #[error("too many entries are uncommitted or not applied")]
    Overloaded,
    /// The configuration change cannot be read.
    #[error("malformed configuration change")]
    Malformed,
}

/// One member's Raft state. Feed it inputs, then call [`Core::take_output`] until it returns `None`.
pub struct Core {
    raw: RawNode<LogStore>,
    options: CoreOptions,
    timeouts: Timeouts,
    /// The election timeout in force, and the term and role that it was drawn for.
    timeout: usize,
    drawn_for: (u64, StateRole),
    /// Rounds that are not durable yet, and whether they change the log.
    rounds: VecDeque<(u64, bool)>,
    /// A hard state that differs from the saved one in nothing but the commit index, and waits for company.
    unsaved: Option<eraftpb::HardState>,
    leadership: Leadership,
    applied_conf: AppliedConf,
    announced: Announced,
    /// What readers asked this leader.
    questions: Questions,
    /// See [`Core::hold_rounds`].
    holds_rounds: bool,
    /// Committed entries that were handed out: index of the last one of a batch, and bytes.
    unapplied: VecDeque<(u64, u64)>,
    unapplied_bytes: u64,
    /// What the state machine reported; raft is told as soon as it can take it.
    applied: u64,
    /// A snapshot that was handed out and is not applied.
    installing: Option<eraftpb::SnapshotMetadata>,
    /// The commit index that was last given out to be saved.
    saved_commit: u64,
    restarts_at: Option<raftpb::SnapshotMetadata>,
    /// An order of the leader that cannot be followed yet.
    handover: Option<HandOver>,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Core {
    /// A member that continues where its log and its state machine are.
    ///
    /// # Errors
    /// When the two do not fit together, or the options are out of range.
    pub fn new(options: CoreOptions, recovered: RecoveredLog) -> Result<Self, LoadError> {
        let (store, restart) = recover::load(recovered)?;
        let applied = store.applied;
        let start = raftpb::SnapshotMetadata {
            conf_state: Some(crate::convert::conf::state_from_raft(store.conf_state.clone())),
            index: store.base.index,
            term: store.base.term,
        };
        let applied_conf = AppliedConf::restore(&store.conf_state).map_err(|_| LoadError::ConfState)?;
        let saved_commit = store.hard_state.commit;
        let config = options.config(applied);
        let raw = RawNode::new(&config, store, &logger::logger())
            .map_err(|source| LoadError::Settings { source })?;
        let mut timeouts = Timeouts::new(options.seed, config.min_election_tick, config.max_election_tick);
        let mut core = Self {
            timeout: timeouts.draw(),
            drawn_for: (raw.raft.term, raw.raft.state),
            leadership: Leadership { term: raw.raft.term, ..Leadership::default() },
            timeouts,
            raw,
            options,
            rounds: VecDeque::new(),
            unsaved: None,
            applied_conf,
            announced: Announced::default(),
            questions: Questions::default(),
            holds_rounds: false,
            unapplied: VecDeque::new(),
            unapplied_bytes: 0,
            applied,
            installing: None,
            saved_commit,
            restarts_at: restart.then_some(start),
            handover: None,
        };
        core.set_timeout();
        Ok(core)
    }

    /// Set when the state machine holds a snapshot that the log knows nothing of. The log must get this mark,
    /// and the hard state of [`Core::hard_state`], before anything else is written to it.
    pub fn restarts_at(&self) -> Option<&raftpb::SnapshotMetadata> {
        self.restarts_at.as_ref()
    }

    /// Lets one tick pass.
    pub fn tick(&mut self) {
        self.questions.tick();
        self.age_order();
        let raft = &mut self.raw.raft;
        let due = raft.election_elapsed + 1 >= self.timeout;
        if due && raft.state != StateRole::Leader && !self.may_campaign() {
            // Time passes, so that votes for others become possible, and no election starts.
            self.raw.raft.election_elapsed += 1;
            return;
        }
        self.raw.tick();
        self.set_timeout();
    }

    /// Starts an election now, if this member may: it is a voter, its log is durable and no snapshot is being
    /// installed. Returns whether it did.
    pub fn campaign(&mut self) -> bool {
        let may =
            self.may_campaign() && self.raw.raft.promotable() && self.raw.raft.state != StateRole::Leader;
        let started = may && self.raw.campaign().is_ok();
        self.set_timeout();
        started
    }

    /// Takes a message of another member.
    ///
    /// # Errors
    /// For anything that raft could not handle: the message is dropped, which Raft tolerates, and the error says
    /// what is wrong with it.
    pub fn step(&mut self, message: raftpb::Message) -> Result<(), StepError> {
        let kind = validate::check(self, &message)?;
        if self.ignores(kind, &message)? {
            return Ok(());
        }
        if kind == raftpb::MessageType::MsgTimeoutNow {
            self.take_order(message);
            return Ok(());
        }
        if kind == raftpb::MessageType::MsgReadIndex && self.is_leader() {
            self.asked(message);
            return Ok(());
        }
        let from = message.from;
        let unknown = StepError::UnknownType(message.r#type);
        let message = message::to_raft(message).ok_or(unknown)?;
        let outcome = self.raw.step(message);
        self.set_timeout();
        match outcome {
            Ok(()) => Ok(()),
            Err(raft::Error::StepPeerNotFound) => Err(StepError::UnknownPeer { from }),
            Err(_) => Err(StepError::Dropped),
        }
    }

    /// Proposes `batch` as one message: as many entries, in this order. A follower forwards them to its leader,
    /// which may lose them.
    ///
    /// # Errors
    /// Nothing of the batch was proposed.
    pub fn propose(&mut self, batch: Vec<Bytes>) -> Result<(), ProposeError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.propose_entries(batch.into_iter().map(entry::proposal).collect())
    }

    /// Takes the data out of proposals that another member forwarded to this leader, so that they can be proposed
    /// together with others: raft would replicate each such message by itself. Anything else is given back, for
    /// [`Core::step`].
    ///
    /// # Errors
    /// The message, unchanged.
    pub fn take_forwarded(&self, message: Box<raftpb::Message>) -> Result<Vec<Bytes>, Box<raftpb::Message>> {
        let is_data = |entry: &raftpb::Entry| entry.r#type() == raftpb::EntryType::EntryNormal;
        let is_proposal =
            message.r#type() == raftpb::MessageType::MsgProp && message.entries.iter().all(is_data);
        if !self.is_leader() || !is_proposal || validate::check(self, &message).is_err() {
            return Err(message);
        }
        Ok(message.entries.into_iter().map(|entry| entry.data).collect())
    }

    /// Proposes a change of the configuration. Raft turns it into an empty entry when another change is under way.
    ///
    /// # Errors
    /// Nothing was proposed.
    pub fn propose_conf_change(&mut self, change: &raftpb::ConfChange) -> Result<(), ProposeError> {
        let data = Bytes::from(etcd_proto::prost::Message::encode_to_vec(change));
        if !validate::check_conf_change(&data) {
            return Err(ProposeError::Malformed);
        }
        let r#type = raftpb::EntryType::EntryConfChange.into();
        self.propose_entries(vec![entry::to_raft(raftpb::Entry { r#type, data, ..raftpb::Entry::default() })])
    }

    /// Whether a proposal would be taken now. A driver keeps proposals back while it would not.
    ///
    /// # Errors
    /// The error that [`Core::propose`] would return.
    pub fn can_propose(&self) -> Result<(), ProposeError> {
        let raft = &self.raw.raft;
        let limit = usize::try_from(self.options.max_uncommitted_bytes).unwrap_or(usize::MAX);
        if raft.leader_id == raft::INVALID_ID {
            Err(ProposeError::NoLeader)
        } else if raft.state != StateRole::Leader {
            Ok(())
        } else if raft.lead_transferee.is_some() {
            Err(ProposeError::Transferring)
        } else if self.is_overloaded() || raft.uncommitted_size() >= limit {
            Err(ProposeError::Overloaded)
        } else {
            Ok(())
        }
    }

    fn propose_entries(&mut self, entries: Vec<eraftpb::Entry>) -> Result<(), ProposeError> {
        self.can_propose()?;
        let mut message = eraftpb::Message::default();
        message.set_msg_type(eraftpb::MessageType::MsgPropose);
        message.from = self.options.id;
        message.set_entries(entries.into());
        self.raw.step(message).map_err(|_| match self.raw.raft.leader_id {
            raft::INVALID_ID => ProposeError::NoLeader,
            _ => ProposeError::Overloaded,
        })
    }

    /// Whether a sound message must not reach raft 0.7.0 in the present state.
    fn ignores(&self, kind: raftpb::MessageType, message: &raftpb::Message) -> Result<bool, StepError> {
        use raftpb::MessageType as Kind;
        let raft = &self.raw.raft;
        Ok(match kind {
            // raft sets a term on what it forwards, and panics when there is one already
            Kind::MsgTransferLeader => raft.state != StateRole::Leader,
            // raft asserts that a new leader's log is durable
            Kind::MsgVoteResp | Kind::MsgPreVoteResp => !self.log_is_durable(),
            // a rejection of what the follower has acknowledged is an old message
            Kind::MsgAppResp if message.reject && message.term == raft.term => {
                raft.prs().get(message.from).is_some_and(|pr| message.index <= pr.matched)
            }
            Kind::MsgApp if !message.entries.is_empty() && self.is_overloaded() => {
                return Err(StepError::Overloaded);
            }
            _ => false,
        })
    }

    /// Whether raft may start an election: it asserts that the log is durable, and reads it from the applied index on,
    /// which a snapshot may have left behind.
    fn may_campaign(&self) -> bool {
        self.installing.is_none() && self.log_is_durable() && self.raw.raft.msgs.is_empty()
    }

    fn log_is_durable(&self) -> bool {
        self.raw.raft.raft_log.unstable_entries().is_empty()
            && self.raw.raft.snap().is_none()
            && self.rounds.iter().all(|(_, changes_log)| !changes_log)
    }

    fn is_overloaded(&self) -> bool {
        self.unapplied_bytes > self.options.max_unapplied_bytes
    }

    /// Puts our own draw in place of raft's, which comes from the thread's generator and cannot be repeated.
    fn set_timeout(&mut self) {
        let raft = &mut self.raw.raft;
        let now = (raft.term, raft.state);
        if now != self.drawn_for {
            self.drawn_for = now;
            self.timeout = self.timeouts.draw();
        }
        raft.set_randomized_election_timeout(self.timeout);
    }
}
