//! The first entries of a new cluster.

use bytes::Bytes;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb;

/// What the log of every founding member begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrap {
    /// One change per member that adds it, at term 1, from index 1 on.
    pub entries: Vec<raftpb::Entry>,
    /// Term 1, everything committed.
    pub hard_state: raftpb::HardState,
    /// All members as voters.
    pub conf_state: raftpb::ConfState,
}

/// The beginning of a cluster of `members`: their ids, and what the change of each carries for the state machine
/// (etcd: the member as JSON). The same on every founding member. A member that joins later begins with nothing.
///
/// # Source
/// etcd `server/etcdserver/bootstrap.go` `bootstrapRaftFromCluster`; raft `bootstrap.go` `Bootstrap`.
pub fn bootstrap(members: impl IntoIterator<Item = (u64, Bytes)>) -> Bootstrap {
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_unstable_by_key(|(id, _)| *id);
    let voters: Vec<u64> = members.iter().map(|(id, _)| *id).collect();
    let commit = members.len() as u64;
    let entry = |(index, (node_id, context)): (u64, (u64, Bytes))| {
        let r#type = raftpb::ConfChangeType::ConfChangeAddNode.into();
        let change = raftpb::ConfChange { id: 0, r#type, node_id, context };
        let r#type = raftpb::EntryType::EntryConfChange.into();
        raftpb::Entry { r#type, term: 1, index, data: change.encode_to_vec().into() }
    };
    Bootstrap {
        entries: (1..).zip(members).map(entry).collect(),
        hard_state: raftpb::HardState { term: 1, vote: 0, commit },
        conf_state: raftpb::ConfState { voters, ..raftpb::ConfState::default() },
    }
}
