//! Requests to the `raft` thread that are neither proposals, nor messages, nor reads.

use crossbeam_channel::Sender;
use etcd_proto::raftpb;
use tokio::sync::oneshot;

use crate::{ConfChangeError, TransferError};

/// A rare request.
#[derive(Debug)]
pub(crate) enum Control {
    /// The state machine applies a change.
    ConfChange { change: ChangeOfConf, reply: Sender<Result<raftpb::ConfState, ConfChangeError>> },
    /// The state machine holds the snapshot that it was given.
    Installed,
    /// The state machine is durable up to here: put a mark, forget the log before.
    Checkpoint(raftpb::SnapshotMetadata),
    /// How sending a snapshot ended.
    SnapshotReport { id: u64, delivered: bool },
    /// Hand leadership over.
    Transfer { to: u64, reply: oneshot::Sender<Result<(), TransferError>> },
    /// What the leader knows of its followers.
    Progress { reply: oneshot::Sender<Option<Vec<Progress>>> },
    /// Let ticks pass at once.
    Advance(usize),
}

/// A change of the configuration, of either version.
#[derive(Debug)]
pub(crate) enum ChangeOfConf {
    First(raftpb::ConfChange),
    Second(raftpb::ConfChangeV2),
}

/// What a leader knows of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The member.
    pub id: u64,
    /// The highest index that it has acknowledged.
    pub matched: u64,
    /// Whether it was heard of lately.
    pub active: bool,
}

/// What other members cause.
#[derive(Debug)]
pub(crate) enum Inbound {
    Message(Box<raftpb::Message>),
    Unreachable(u64),
}

/// What is to be replicated, and the tick in which it was asked for.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) kind: ProposalKind,
    pub(crate) tick: u32,
}

/// The two kinds of proposals.
#[derive(Debug)]
pub(crate) enum ProposalKind {
    Data(bytes::Bytes),
    /// What only the leader of this term may ask for.
    AsLeader {
        data: bytes::Bytes,
        term: u64,
    },
    ConfChange(Box<raftpb::ConfChange>),
}
