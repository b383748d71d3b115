//! Round trips, and the numbers that differ.

use bytes::Bytes;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{self, ConfChangeType as Theirs};
use protobuf::Message as _;
use raft::eraftpb::{self, ConfChangeType as Ours};

use super::conf::{Change, change, change_v2};
use super::{entry, message};

fn conf_change(kind: Theirs, node_id: u64) -> raftpb::ConfChange {
    raftpb::ConfChange { id: 3, r#type: kind.into(), node_id, context: Bytes::from_static(b"ctx") }
}

#[test]
fn types_of_changes_are_translated() {
    let check = |theirs, ours: Option<Ours>| {
        let found = match change(&conf_change(theirs, 5)).unwrap() {
            Change::Raft(v2) => Some(v2.changes[0].change_type),
            Change::Nothing => None,
        };
        assert_eq!(found, ours, "{theirs:?}");
    };
    check(Theirs::ConfChangeAddNode, Some(Ours::AddNode));
    check(Theirs::ConfChangeRemoveNode, Some(Ours::RemoveNode));
    check(Theirs::ConfChangeAddLearnerNode, Some(Ours::AddLearnerNode));
    check(Theirs::ConfChangeUpdateNode, None);
    assert_eq!(change(&conf_change(Theirs::ConfChangeAddNode, 0)), Some(Change::Nothing), "voided");
    assert_eq!(change(&raftpb::ConfChange { r#type: 8, ..Default::default() }), None);
}

#[test]
fn changes_of_the_second_version_are_translated() {
    let single = |kind: Theirs, node_id| raftpb::ConfChangeSingle { r#type: kind.into(), node_id };
    let v2 = |changes| raftpb::ConfChangeV2 { changes, ..Default::default() };
    let leave = change_v2(&v2(vec![])).unwrap();
    assert!(matches!(leave, Change::Raft(cc) if cc.changes.is_empty()), "leave the joint configuration");
    assert_eq!(change_v2(&v2(vec![single(Theirs::ConfChangeUpdateNode, 4)])), Some(Change::Nothing));
    let some = change_v2(&v2(vec![
        single(Theirs::ConfChangeUpdateNode, 4),
        single(Theirs::ConfChangeAddLearnerNode, 5),
    ]));
    assert!(matches!(some, Some(Change::Raft(cc)) if cc.changes[0].change_type == Ours::AddLearnerNode));
}

#[test]
fn the_payload_of_a_change_comes_back_unchanged() {
    for kind in [Theirs::ConfChangeAddNode, Theirs::ConfChangeUpdateNode, Theirs::ConfChangeAddLearnerNode] {
        let data = Bytes::from(conf_change(kind, 9).encode_to_vec());
        let theirs = raftpb::Entry { r#type: 1, term: 4, index: 8, data };
        let ours = entry::to_raft(theirs.clone());
        let parsed = eraftpb::ConfChange::parse_from_bytes(&ours.data).unwrap();
        assert_eq!(parsed.node_id, 9);
        assert_ne!(parsed.change_type, Ours::RemoveNode);
        assert_eq!(entry::from_raft(ours), theirs);
    }
    let broken = raftpb::Entry { r#type: 1, term: 4, index: 8, data: Bytes::from_static(b"\xff") };
    assert_eq!(entry::from_raft(entry::to_raft(broken.clone())), broken, "from the log, unread");
}

#[test]
fn every_field_of_a_message_survives() {
    let metadata = raftpb::SnapshotMetadata {
        conf_state: Some(raftpb::ConfState {
            voters: vec![1, 2],
            learners: vec![3],
            voters_outgoing: vec![1, 4],
            learners_next: vec![4],
            auto_leave: true,
        }),
        index: 11,
        term: 2,
    };
    for kind in 0..19 {
        let theirs = raftpb::Message {
            r#type: kind,
            to: 1,
            from: 2,
            term: 3,
            log_term: 4,
            index: 5,
            entries: vec![raftpb::Entry { r#type: 0, term: 6, index: 7, data: Bytes::from_static(b"d") }],
            commit: 8,
            snapshot: Some(raftpb::Snapshot { metadata: Some(metadata.clone()), data: Bytes::new() }),
            reject: true,
            reject_hint: 9,
            context: Bytes::from_static(b"c"),
        };
        let ours = message::to_raft(theirs.clone()).unwrap();
        assert_eq!((ours.request_snapshot, ours.deprecated_priority, ours.priority), (0, 0, 0));
        assert_eq!(message::from_raft(ours), theirs, "type {kind}");
    }
    for kind in [19, 20, 21, 22, 23, 24, -1] {
        assert!(message::to_raft(raftpb::Message { r#type: kind, ..Default::default() }).is_none());
    }
}

#[test]
fn payloads_are_shared_not_copied() {
    let data = Bytes::from(vec![7; 4096]);
    let ours = entry::proposal(data.clone());
    assert_eq!(ours.data.as_ptr(), data.as_ptr());
    assert_eq!(entry::from_raft(ours).data.as_ptr(), data.as_ptr());
}
