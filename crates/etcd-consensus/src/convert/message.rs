//! Raft messages, both directions.

use etcd_proto::raftpb;
use raft::eraftpb;

use super::{conf, entry};

/// Raft's form of a message that passed validation. `None` for a type that raft does not know.
///
/// Fields 13 and 14 mean different things on the two sides and are left at zero.
pub(crate) fn to_raft(message: raftpb::Message) -> Option<eraftpb::Message> {
    let msg_type = kind_to_raft(message.r#type)?;
    let entries: Vec<_> = message.entries.into_iter().map(entry::to_raft).collect();
    Some(eraftpb::Message {
        msg_type,
        to: message.to,
        from: message.from,
        term: message.term,
        log_term: message.log_term,
        index: message.index,
        entries: entries.into(),
        commit: message.commit,
        snapshot: message.snapshot.map(snapshot_to_raft).into(),
        reject: message.reject,
        reject_hint: message.reject_hint,
        context: message.context,
        ..eraftpb::Message::default()
    })
}

/// The message as it goes onto the wire.
pub(crate) fn from_raft(mut message: eraftpb::Message) -> raftpb::Message {
    let entries = message.take_entries().into_vec().into_iter().map(entry::from_raft).collect();
    let snapshot = message.snapshot.take().filter(|snapshot| !snapshot.is_empty()).map(snapshot_from_raft);
    raftpb::Message {
        r#type: kind_from_raft(message.msg_type).into(),
        to: message.to,
        from: message.from,
        term: message.term,
        log_term: message.log_term,
        index: message.index,
        entries,
        commit: message.commit,
        snapshot,
        reject: message.reject,
        reject_hint: message.reject_hint,
        context: message.context,
    }
}

/// What a snapshot stands for.
pub(crate) fn metadata_from_raft(metadata: eraftpb::SnapshotMetadata) -> raftpb::SnapshotMetadata {
    let (index, term) = (metadata.index, metadata.term);
    let conf_state = metadata.conf_state.into_option().map(conf::state_from_raft);
    raftpb::SnapshotMetadata { conf_state, index, term }
}

/// A hard state as it goes into the log.
pub(crate) fn hard_state_from_raft(state: &eraftpb::HardState) -> raftpb::HardState {
    raftpb::HardState { term: state.term, vote: state.vote, commit: state.commit }
}

fn snapshot_to_raft(snapshot: raftpb::Snapshot) -> eraftpb::Snapshot {
    let metadata = snapshot.metadata.unwrap_or_default();
    let mut ours = eraftpb::Snapshot::default();
    let target = ours.mut_metadata();
    target.index = metadata.index;
    target.term = metadata.term;
    target.set_conf_state(conf::state_to_raft(metadata.conf_state.unwrap_or_default()));
    ours
}

fn snapshot_from_raft(mut snapshot: eraftpb::Snapshot) -> raftpb::Snapshot {
    raftpb::Snapshot {
        data: snapshot.data.clone(),
        metadata: Some(metadata_from_raft(snapshot.take_metadata())),
    }
}

fn kind_to_raft(kind: i32) -> Option<eraftpb::MessageType> {
    use eraftpb::MessageType as Ours;
    use raftpb::MessageType as Theirs;
    Some(match Theirs::try_from(kind).ok()? {
        Theirs::MsgHup => Ours::MsgHup,
        Theirs::MsgBeat => Ours::MsgBeat,
        Theirs::MsgProp => Ours::MsgPropose,
        Theirs::MsgApp => Ours::MsgAppend,
        Theirs::MsgAppResp => Ours::MsgAppendResponse,
        Theirs::MsgVote => Ours::MsgRequestVote,
        Theirs::MsgVoteResp => Ours::MsgRequestVoteResponse,
        Theirs::MsgSnap => Ours::MsgSnapshot,
        Theirs::MsgHeartbeat => Ours::MsgHeartbeat,
        Theirs::MsgHeartbeatResp => Ours::MsgHeartbeatResponse,
        Theirs::MsgUnreachable => Ours::MsgUnreachable,
        Theirs::MsgSnapStatus => Ours::MsgSnapStatus,
        Theirs::MsgCheckQuorum => Ours::MsgCheckQuorum,
        Theirs::MsgTransferLeader => Ours::MsgTransferLeader,
        Theirs::MsgTimeoutNow => Ours::MsgTimeoutNow,
        Theirs::MsgReadIndex => Ours::MsgReadIndex,
        Theirs::MsgReadIndexResp => Ours::MsgReadIndexResp,
        Theirs::MsgPreVote => Ours::MsgRequestPreVote,
        Theirs::MsgPreVoteResp => Ours::MsgRequestPreVoteResponse,
        Theirs::MsgStorageAppend
        | Theirs::MsgStorageAppendResp
        | Theirs::MsgStorageApply
        | Theirs::MsgStorageApplyResp
        | Theirs::MsgForgetLeader => return None,
    })
}

fn kind_from_raft(kind: eraftpb::MessageType) -> raftpb::MessageType {
    use eraftpb::MessageType as Ours;
    use raftpb::MessageType as Theirs;
    match kind {
        Ours::MsgHup => Theirs::MsgHup,
        Ours::MsgBeat => Theirs::MsgBeat,
        Ours::MsgPropose => Theirs::MsgProp,
        Ours::MsgAppend => Theirs::MsgApp,
        Ours::MsgAppendResponse => Theirs::MsgAppResp,
        Ours::MsgRequestVote => Theirs::MsgVote,
        Ours::MsgRequestVoteResponse => Theirs::MsgVoteResp,
        Ours::MsgSnapshot => Theirs::MsgSnap,
        Ours::MsgHeartbeat => Theirs::MsgHeartbeat,
        Ours::MsgHeartbeatResponse => Theirs::MsgHeartbeatResp,
        Ours::MsgUnreachable => Theirs::MsgUnreachable,
        Ours::MsgSnapStatus => Theirs::MsgSnapStatus,
        Ours::MsgCheckQuorum => Theirs::MsgCheckQuorum,
        Ours::MsgTransferLeader => Theirs::MsgTransferLeader,
        Ours::MsgTimeoutNow => Theirs::MsgTimeoutNow,
        Ours::MsgReadIndex => Theirs::MsgReadIndex,
        Ours::MsgReadIndexResp => Theirs::MsgReadIndexResp,
        Ours::MsgRequestPreVote => Theirs::MsgPreVote,
        Ours::MsgRequestPreVoteResponse => Theirs::MsgPreVoteResp,
    }
}
