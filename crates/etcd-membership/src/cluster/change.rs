//! One change of the membership, and the form in which the Raft log carries it.

use serde::{Deserialize, Serialize};

use crate::{Member, MemberId};

/// A change of the membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Adds a voter, or a learner when the member says so.
    Add(Member),
    /// Gives a learner its vote.
    Promote(MemberId),
    /// Takes a member out for good.
    Remove(MemberId),
    /// Replaces a member's peer URLs.
    Update {
        /// Whose URLs.
        id: MemberId,
        /// The new list.
        peer_urls: Vec<String>,
    },
}

/// The types of a Raft membership change, with their numbers on the wire (`raftpb.ConfChangeType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum ChangeKind {
    /// A voter is added, or a learner becomes one.
    AddNode = 0,
    /// A member is removed.
    RemoveNode = 1,
    /// A member's URLs change; nothing changes for Raft.
    UpdateNode = 2,
    /// A learner is added.
    AddLearnerNode = 3,
}

/// The log holds a membership change that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeChangeError {
    /// The type is none of etcd's.
    #[error("unknown type {0} of a membership change")]
    Kind(i32),
    /// The context is not the JSON form of a member.
    #[error("could not decode the context of the membership change for {id}")]
    Context {
        /// Whom the change is about.
        id: MemberId,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The context tells of another member than the change.
    #[error("the membership change for {id} carries the context of {context}")]
    Mismatch {
        /// Whom the change is about.
        id: MemberId,
        /// Whom its context is about.
        context: MemberId,
    },
}

/// etcd's `ConfigChangeContext`.
#[derive(Serialize, Deserialize)]
struct Context {
    #[serde(flatten)]
    member: Member,
    #[serde(rename = "isPromote", default)]
    is_promote: bool,
}

impl Change {
    /// Whom the change is about.
    pub fn id(&self) -> MemberId {
        match self {
            Self::Add(member) => member.id,
            Self::Promote(id) | Self::Remove(id) | Self::Update { id, .. } => *id,
        }
    }

    /// Reads a `raftpb.ConfChange`: its type, node id and context.
    ///
    /// # Errors
    /// When type or context are not etcd's.
    pub fn decode(kind: i32, node_id: u64, context: &[u8]) -> Result<Self, DecodeChangeError> {
        let kind = ChangeKind::from_wire(kind).ok_or(DecodeChangeError::Kind(kind))?;
        let id = MemberId::new(node_id);
        if kind == ChangeKind::RemoveNode {
            return Ok(Self::Remove(id));
        }
        let Context { member, is_promote } =
            serde_json::from_slice(context).map_err(|source| DecodeChangeError::Context { id, source })?;
        if member.id != id {
            return Err(DecodeChangeError::Mismatch { id, context: member.id });
        }
        Ok(match kind {
            ChangeKind::UpdateNode => Self::Update { id, peer_urls: member.peer_urls },
            _ if is_promote => Self::Promote(id),
            _ => Self::Add(member),
        })
    }

    /// The type and context of the `raftpb.ConfChange` for it; its node id is [`Change::id`].
    pub fn encode(&self) -> (ChangeKind, Vec<u8>) {
        let bare = |id: MemberId, peer_urls: &[String]| Member {
            id,
            peer_urls: peer_urls.to_vec(),
            is_learner: false,
            name: String::new(),
            client_urls: Vec::new(),
        };
        let (kind, context) = match self {
            Self::Remove(_) => return (ChangeKind::RemoveNode, Vec::new()),
            Self::Add(member) => {
                let kind = if member.is_learner { ChangeKind::AddLearnerNode } else { ChangeKind::AddNode };
                (kind, Context { member: member.clone(), is_promote: false })
            }
            Self::Promote(id) => (ChangeKind::AddNode, Context { member: bare(*id, &[]), is_promote: true }),
            Self::Update { id, peer_urls } => {
                (ChangeKind::UpdateNode, Context { member: bare(*id, peer_urls), is_promote: false })
            }
        };
        (kind, serde_json::to_vec(&context).expect("a struct of numbers, texts and flags has a JSON form"))
    }
}

impl ChangeKind {
    /// The type with this number.
    pub const fn from_wire(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::AddNode,
            1 => Self::RemoveNode,
            2 => Self::UpdateNode,
            3 => Self::AddLearnerNode,
            _ => return None,
        })
    }

    /// Its number on the wire.
    pub const fn to_wire(self) -> i32 {
        self as i32
    }
}
