//! What a message from a peer must satisfy before raft sees it. Raft trusts its peers and panics; we do not.

use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{self, MessageType};

use super::Core;
use crate::convert::conf;

/// Indexes and terms beyond this are refused: nothing honest reaches them, and raft adds to them unchecked.
const HIGHEST: u64 = 1 << 60;

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// Raft does not know the type.
    #[error("unknown message type {0}")]
    UnknownType(i32),
    /// The type is only used inside a member.
    #[error("{} is local to a member", .0.as_str_name())]
    Local(MessageType),
    /// The message is for another member.
    #[error("message for member {to:x}")]
    WrongTarget {
        /// The addressee.
        to: u64,
    },
    /// The sender is missing, or is this member itself.
    #[error("message from member {from:x}")]
    WrongSource {
        /// The sender.
        from: u64,
    },
    /// A field contradicts the type or another field.
    #[error("malformed {}: {what}", .kind.as_str_name())]
    Malformed {
        /// The type of the message.
        kind: MessageType,
        /// What is wrong.
        what: &'static str,
    },
    /// The message claims that this member has entries that it does not have: a log was lost.
    #[error("index {index} is past the end of the log at {last}")]
    PastEnd {
        /// The claimed index.
        index: u64,
        /// The last index of the log.
        last: u64,
    },
    /// The message would replace an entry that is committed here: logs have diverged.
    #[error("entry {index} conflicts with a committed one")]
    ConflictsWithCommitted {
        /// Index of the entry.
        index: u64,
    },
    /// The sender is not a member.
    #[error("answer from member {from:x}, which is not part of the configuration")]
    UnknownPeer {
        /// The sender.
        from: u64,
    },
    /// Too much work is waiting; the sender will try again.
    #[error("too many entries wait to be applied")]
    Overloaded,
    /// A forwarded proposal or question found no leader.
    #[error("no leader to take it")]
    Dropped,
}

/// Checks everything that raft relies on and does not check.
pub(super) fn check(core: &Core, message: &raftpb::Message) -> Result<MessageType, StepError> {
    let kind = MessageType::try_from(message.r#type).map_err(|_| StepError::UnknownType(message.r#type))?;
    check_kind(kind)?;
    if message.to != core.id() {
        return Err(StepError::WrongTarget { to: message.to });
    }
    // Forwarded requests keep the name of whom they are about or who asked first.
    let forwarded =
        matches!(kind, MessageType::MsgProp | MessageType::MsgReadIndex | MessageType::MsgTransferLeader);
    if message.from == 0 || (message.from == core.id() && !forwarded) {
        return Err(StepError::WrongSource { from: message.from });
    }
    let unnumbered = matches!(kind, MessageType::MsgProp | MessageType::MsgReadIndex);
    if unnumbered != (message.term == 0) {
        return malformed(kind, "the term");
    }
    if [message.term, message.log_term, message.index, message.commit, message.reject_hint]
        .iter()
        .any(|n| *n > HIGHEST)
    {
        return malformed(kind, "a number out of range");
    }
    if message.entries.iter().any(|entry| raftpb::EntryType::try_from(entry.r#type).is_err()) {
        return malformed(kind, "an entry of unknown type");
    }
    let verdict = match kind {
        MessageType::MsgProp => check_proposal(message),
        MessageType::MsgReadIndex | MessageType::MsgReadIndexResp if message.entries.len() != 1 => {
            malformed(kind, "not exactly one entry")
        }
        MessageType::MsgApp => check_append(core, message),
        MessageType::MsgSnap => check_snapshot(message),
        MessageType::MsgHeartbeat => check_heartbeat(core, message),
        MessageType::MsgAppResp => check_append_response(core, message),
        _ => Ok(()),
    };
    verdict.map(|()| kind)
}

fn check_kind(kind: MessageType) -> Result<(), StepError> {
    match kind {
        MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgUnreachable
        | MessageType::MsgSnapStatus
        | MessageType::MsgCheckQuorum => Err(StepError::Local(kind)),
        MessageType::MsgStorageAppend
        | MessageType::MsgStorageAppendResp
        | MessageType::MsgStorageApply
        | MessageType::MsgStorageApplyResp
        | MessageType::MsgForgetLeader => Err(StepError::UnknownType(kind.into())),
        _ => Ok(()),
    }
}

fn check_proposal(message: &raftpb::Message) -> Result<(), StepError> {
    let malformed = |what| malformed(MessageType::MsgProp, what);
    if message.entries.is_empty() {
        return malformed("no entries");
    }
    for entry in &message.entries {
        let sound = match raftpb::EntryType::try_from(entry.r#type) {
            Ok(raftpb::EntryType::EntryConfChange) => conf::v1_payload(&entry.data).is_some(),
            Ok(raftpb::EntryType::EntryConfChangeV2) => conf::v2_payload(&entry.data).is_some(),
            Ok(raftpb::EntryType::EntryNormal) => true,
            Err(_) => false,
        };
        if !sound {
            return malformed("a configuration change that cannot be read");
        }
    }
    Ok(())
}

fn check_append(core: &Core, message: &raftpb::Message) -> Result<(), StepError> {
    let malformed = |what| malformed(MessageType::MsgApp, what);
    if (message.index == 0) != (message.log_term == 0) || message.log_term > message.term {
        return malformed("the place that it continues");
    }
    let mut term = message.log_term.max(1);
    for (expected, entry) in (message.index + 1..).zip(&message.entries) {
        if entry.index != expected || entry.term < term || entry.term > message.term {
            return malformed("entries that do not follow each other");
        }
        term = entry.term;
    }
    if message.term < core.term() || !core.matches(message.index, message.log_term) {
        return Ok(()); // raft will not append these
    }
    let commit = core.commit();
    let committed = message.entries.iter().take_while(|entry| entry.index <= commit);
    match committed.into_iter().find(|entry| !core.matches(entry.index, entry.term)) {
        Some(entry) if core.knows(entry.index) => {
            Err(StepError::ConflictsWithCommitted { index: entry.index })
        }
        _ => Ok(()),
    }
}

fn check_snapshot(message: &raftpb::Message) -> Result<(), StepError> {
    let malformed = |what| malformed(MessageType::MsgSnap, what);
    let Some(metadata) = message.snapshot.as_ref().and_then(|snapshot| snapshot.metadata.as_ref()) else {
        return malformed("no metadata");
    };
    if metadata.index == 0 || metadata.term == 0 || metadata.term > message.term || metadata.index > HIGHEST {
        return malformed("the place of the snapshot");
    }
    if !metadata.conf_state.as_ref().is_some_and(conf::state_is_sound) {
        return malformed("the configuration");
    }
    Ok(())
}

fn check_heartbeat(core: &Core, message: &raftpb::Message) -> Result<(), StepError> {
    let last = core.last_index();
    if message.term >= core.term() && message.commit > last {
        return Err(StepError::PastEnd { index: message.commit, last });
    }
    Ok(())
}

fn check_append_response(core: &Core, message: &raftpb::Message) -> Result<(), StepError> {
    let last = core.last_index();
    if core.is_leader() && message.term == core.term() && message.index > last {
        return Err(StepError::PastEnd { index: message.index, last });
    }
    Ok(())
}

/// Decodes a change that is about to be proposed, for its own sake.
pub(super) fn check_conf_change(data: &bytes::Bytes) -> bool {
    raftpb::ConfChange::decode(data.clone()).is_ok() && conf::v1_payload(data).is_some()
}

fn malformed<T>(kind: MessageType, what: &'static str) -> Result<T, StepError> {
    Err(StepError::Malformed { kind, what })
}
