//! Configuration changes and configuration states, both directions.

use bytes::Bytes;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb;
use protobuf::Message as _;
use raft::eraftpb;

/// What etcd's change means to raft's own tracking of members.
#[derive(Debug, PartialEq)]
pub(crate) enum Change {
    /// Raft's configuration changes.
    Raft(eraftpb::ConfChangeV2),
    /// Nothing that raft tracks changes: an update of a member's attributes, or a change that was voided.
    Nothing,
}

/// Raft's form of one change. `None` when the type is unknown.
pub(crate) fn change(cc: &raftpb::ConfChange) -> Option<Change> {
    let kind = raftpb::ConfChangeType::try_from(cc.r#type).ok()?;
    let Some(kind) = kind_to_raft(kind).filter(|_| cc.node_id != 0) else {
        return Some(Change::Nothing);
    };
    let mut v2 = eraftpb::ConfChangeV2::default();
    v2.mut_changes().push(single(kind, cc.node_id));
    Some(Change::Raft(v2))
}

/// Raft's form of a change of the second version. `None` when a type in it is unknown.
pub(crate) fn change_v2(cc: &raftpb::ConfChangeV2) -> Option<Change> {
    let transition = match raftpb::ConfChangeTransition::try_from(cc.transition).ok()? {
        raftpb::ConfChangeTransition::Auto => eraftpb::ConfChangeTransition::Auto,
        raftpb::ConfChangeTransition::JointImplicit => eraftpb::ConfChangeTransition::Implicit,
        raftpb::ConfChangeTransition::JointExplicit => eraftpb::ConfChangeTransition::Explicit,
    };
    let mut v2 = eraftpb::ConfChangeV2 { transition, ..eraftpb::ConfChangeV2::default() };
    for one in &cc.changes {
        let kind = raftpb::ConfChangeType::try_from(one.r#type).ok()?;
        if let Some(kind) = kind_to_raft(kind).filter(|_| one.node_id != 0) {
            v2.mut_changes().push(single(kind, one.node_id));
        }
    }
    // An empty list asks raft to leave a joint configuration; a list that became empty asks for nothing.
    if v2.changes.is_empty() && !cc.changes.is_empty() {
        return Some(Change::Nothing);
    }
    Some(Change::Raft(v2))
}

/// The payload of an `EntryConfChange` in raft's encoding. `None` when etcd's payload cannot be decoded.
pub(crate) fn v1_payload(data: &Bytes) -> Option<Bytes> {
    let cc = raftpb::ConfChange::decode(data.clone()).ok()?;
    let kind = raftpb::ConfChangeType::try_from(cc.r#type).ok()?;
    // Adding a member that is there already changes nothing, which is what an update means to raft.
    let change_type = kind_to_raft(kind).unwrap_or(eraftpb::ConfChangeType::AddNode);
    let (node_id, id) = (cc.node_id, cc.id);
    let ours = eraftpb::ConfChange { change_type, node_id, id, ..eraftpb::ConfChange::default() };
    ours.write_to_bytes().ok().map(Bytes::from)
}

/// The payload of an `EntryConfChangeV2` in raft's encoding. `None` when etcd's payload cannot be decoded.
pub(crate) fn v2_payload(data: &Bytes) -> Option<Bytes> {
    let cc = raftpb::ConfChangeV2::decode(data.clone()).ok()?;
    let ours = match change_v2(&cc)? {
        Change::Raft(ours) => ours,
        Change::Nothing => {
            let mut ours = eraftpb::ConfChangeV2::default();
            ours.mut_changes().push(single(eraftpb::ConfChangeType::AddNode, 0));
            ours
        }
    };
    ours.write_to_bytes().ok().map(Bytes::from)
}

/// A configuration state as raft holds it.
pub(crate) fn state_to_raft(state: raftpb::ConfState) -> eraftpb::ConfState {
    eraftpb::ConfState {
        voters: state.voters,
        learners: state.learners,
        voters_outgoing: state.voters_outgoing,
        learners_next: state.learners_next,
        auto_leave: state.auto_leave,
        ..eraftpb::ConfState::default()
    }
}

/// A configuration state as etcd stores it, its lists in ascending order so that equal states have equal bytes.
pub(crate) fn state_from_raft(state: eraftpb::ConfState) -> raftpb::ConfState {
    let sorted = |mut ids: Vec<u64>| {
        ids.sort_unstable();
        ids
    };
    raftpb::ConfState {
        voters: sorted(state.voters),
        learners: sorted(state.learners),
        voters_outgoing: sorted(state.voters_outgoing),
        learners_next: sorted(state.learners_next),
        auto_leave: state.auto_leave,
    }
}

/// Whether raft can restore this state: the rules that its own restoring asserts.
pub(crate) fn state_is_sound(state: &raftpb::ConfState) -> bool {
    let lists = [&state.voters, &state.learners, &state.voters_outgoing, &state.learners_next];
    let distinct =
        |ids: &Vec<u64>| ids.iter().enumerate().all(|(at, id)| *id != 0 && !ids[..at].contains(id));
    let disjoint = |a: &[u64], b: &[u64]| a.iter().all(|id| !b.contains(id));
    lists.into_iter().all(distinct)
        && !state.voters.is_empty()
        && disjoint(&state.learners, &state.voters)
        && disjoint(&state.learners, &state.voters_outgoing)
        && disjoint(&state.learners_next, &state.learners)
        && disjoint(&state.learners_next, &state.voters)
        && state.learners_next.iter().all(|id| state.voters_outgoing.contains(id))
        && (!state.auto_leave || !state.voters_outgoing.is_empty())
}

fn single(kind: eraftpb::ConfChangeType, node_id: u64) -> eraftpb::ConfChangeSingle {
    eraftpb::ConfChangeSingle { change_type: kind, node_id, ..eraftpb::ConfChangeSingle::default() }
}

/// The numbers differ: 2 is an update at etcd and a learner at raft. `None`: nothing that raft knows.
fn kind_to_raft(kind: raftpb::ConfChangeType) -> Option<eraftpb::ConfChangeType> {
    match kind {
        raftpb::ConfChangeType::ConfChangeAddNode => Some(eraftpb::ConfChangeType::AddNode),
        raftpb::ConfChangeType::ConfChangeRemoveNode => Some(eraftpb::ConfChangeType::RemoveNode),
        raftpb::ConfChangeType::ConfChangeAddLearnerNode => Some(eraftpb::ConfChangeType::AddLearnerNode),
        raftpb::ConfChangeType::ConfChangeUpdateNode => None,
    }
}
