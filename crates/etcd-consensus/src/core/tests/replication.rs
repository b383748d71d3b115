//! Electing, replicating, forwarding, reading, catching up.

use super::*;

fn proposals(range: std::ops::Range<u32>) -> Vec<Bytes> {
    range.map(|n| Bytes::from(format!("p{n}"))).collect()
}

#[test]
fn three_members_elect_and_commit() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(1).propose(proposals(0..5)).unwrap();
    net.settle();
    for id in 1..=3 {
        assert_eq!(net.payloads(id), proposals(0..5), "member {id}");
        assert_eq!(net.core(id).status().leadership.leader, 1);
    }
}

#[test]
fn ticks_alone_elect_a_leader() {
    let mut net = Net::new(3);
    net.tick(40);
    assert_eq!(net.nodes.values().filter(|node| node.core.is_leader()).count(), 1);
}

#[test]
fn a_single_member_leads_and_commits() {
    let mut net = Net::new(1);
    net.tick(25);
    net.core(1).propose(proposals(0..2)).unwrap();
    net.core(1).read_index(9).unwrap();
    net.settle();
    assert_eq!(net.payloads(1), proposals(0..2));
    assert_eq!(net.nodes[&1].reads.len(), 1);
}

#[test]
fn a_batch_is_one_message_to_each_follower() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(1).propose(proposals(0..100)).unwrap();
    let sent = net.nodes.get_mut(&1).unwrap().pump();
    let sizes: Vec<_> = sent.iter().map(|message| message.entries.len()).collect();
    assert_eq!(sizes, [100, 100]);
}

#[test]
fn a_follower_forwards_a_batch() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(2).propose(proposals(0..3)).unwrap();
    net.settle();
    assert_eq!(net.payloads(3), proposals(0..3));
}

#[test]
fn without_a_leader_nothing_is_proposed() {
    let mut net = Net::new(3);
    net.settle();
    assert_eq!(net.core(1).propose(proposals(0..1)), Err(ProposeError::NoLeader));
    assert_eq!(net.core(1).read_index(1), Err(ReadIndexError::NoLeader));
}

#[test]
fn a_read_is_answered_on_leader_and_follower() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(1).propose(proposals(0..4)).unwrap();
    net.settle();
    let commit = net.core(1).status().commit;
    net.core(1).read_index(11).unwrap();
    net.core(3).read_index(11).unwrap(); // contexts of different members may be equal
    net.settle();
    for id in [1, 3] {
        assert_eq!(net.nodes[&id].reads, [ReadState { context: 11, index: commit }], "member {id}");
    }
}

#[test]
fn leadership_moves_on_request() {
    let mut net = Net::new(3);
    net.elect(1);
    assert_eq!(net.core(2).transfer_leader(3), Err(TransferError::NotLeader));
    assert_eq!(net.core(1).transfer_leader(9), Err(TransferError::NotVoter(9)));
    net.core(1).transfer_leader(3).unwrap();
    assert_eq!(net.core(1).propose(proposals(0..1)), Err(ProposeError::Transferring));
    net.settle();
    assert!(net.core(3).is_leader());
    assert_eq!(net.core(1).status().leadership.leader, 3);
}

#[test]
fn a_compacted_log_is_replaced_by_a_snapshot() {
    let mut net = Net::new(3);
    net.elect(1);
    net.cut.insert(3);
    net.core(1).propose(proposals(0..50)).unwrap();
    net.settle();
    let applied = net.core(1).status().applied;
    net.core(1).compact(applied - 10);
    assert_eq!(net.core(1).status().first_index, applied - 9);
    net.cut.clear();
    net.tick(3);
    assert_eq!(net.core(3).status().applied, applied, "by snapshot");
    net.core(1).report_snapshot(3, true);
    net.core(1).propose(proposals(50..60)).unwrap();
    net.tick(3);
    assert_eq!(net.payloads(3), proposals(50..60), "by the log again");
    assert_eq!(net.core(3).conf_state(), net.core(1).conf_state());
}

#[test]
fn learners_join_are_promoted_and_removed() {
    use raftpb::ConfChangeType as Kind;
    let mut net = Net::new(3);
    net.elect(1);
    net.nodes.insert(4, Node::new(Core::new(options(4), RecoveredLog::default()).unwrap()));
    net.core(1).propose_conf_change(&change(Kind::ConfChangeAddLearnerNode, 4)).unwrap();
    net.tick(2);
    assert_eq!(net.core(4).conf_state().learners, [4]);
    net.core(1).propose_conf_change(&change(Kind::ConfChangeAddNode, 4)).unwrap();
    net.tick(2);
    assert_eq!(net.core(4).conf_state().voters, [1, 2, 3, 4]);
    net.core(1).propose_conf_change(&change(Kind::ConfChangeUpdateNode, 2)).unwrap();
    net.core(1).propose_conf_change(&change(Kind::ConfChangeRemoveNode, 2)).unwrap();
    net.tick(2);
    assert_eq!(net.core(4).conf_state().voters, [1, 2, 3, 4], "one change at a time");
    net.core(1).propose_conf_change(&change(Kind::ConfChangeRemoveNode, 2)).unwrap();
    net.tick(2);
    for id in [1, 3, 4] {
        assert_eq!(net.core(id).conf_state().voters, [1, 3, 4], "member {id}");
    }
    let carried = net.nodes[&4].applied.iter().filter(|entry| entry.r#type == 1 && entry.index > 3);
    let first = raftpb::ConfChange::decode(carried.clone().next().unwrap().data.clone()).unwrap();
    assert_eq!(
        first,
        change(Kind::ConfChangeAddLearnerNode, 4),
        "etcd's numbers survive the way through raft"
    );
}

#[test]
fn followers_hear_of_a_commit_with_the_next_append_or_when_they_must() {
    let mut net = Net::new(3);
    net.elect(1);
    let commits = |net: &mut Net| [1, 2, 3].map(|id| net.core(id).status().commit);
    let [before, ..] = commits(&mut net);

    net.core(1).propose(vec![Bytes::from_static(b"a")]).unwrap();
    net.settle_without_announcing();
    assert_eq!(commits(&mut net), [before + 1, before, before]);
    assert!(net.core(1).has_unannounced_commit());

    net.core(1).propose(vec![Bytes::from_static(b"b")]).unwrap();
    net.core(1).announce_early_to(3);
    net.settle_without_announcing();
    assert_eq!(commits(&mut net), [before + 2, before + 1, before + 2], "b tells of a; 3 is told of b");

    net.core(1).announce_commit();
    assert!(!net.core(1).has_unannounced_commit());
    net.settle_without_announcing();
    assert_eq!(commits(&mut net), [before + 2; 3]);
    net.core(2).announce_commit();
    assert!(net.core(2).take_output().is_none(), "a follower has nothing to tell");
}
