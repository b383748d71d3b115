//! The rules that keep raft 0.7.0 from losing entries or panicking: one test each.

use super::*;
use crate::Position;

#[test]
fn rule_appends_are_never_batched_by_raft() {
    assert!(!options(1).config(0).batch_append);
    let config = options(1).config(0);
    assert!(config.check_quorum && config.pre_vote);
    assert_eq!(options(1).config(0).read_only_option, raft::ReadOnlyOption::Safe);
}

#[test]
fn rule_a_leader_that_removes_itself_steps_down() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(1).propose_conf_change(&change(raftpb::ConfChangeType::ConfChangeRemoveNode, 1)).unwrap();
    net.settle();
    assert!(!net.core(1).is_leader());
    net.core(1).tick();
    net.tick(60);
    let leaders: Vec<_> =
        net.nodes.iter().filter(|(_, node)| node.core.is_leader()).map(|(id, _)| *id).collect();
    assert_eq!(leaders.len(), 1);
    assert_ne!(leaders, [1]);
}

#[test]
fn rule_a_leader_that_demotes_itself_steps_down() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(1).propose_conf_change(&change(raftpb::ConfChangeType::ConfChangeAddLearnerNode, 1)).unwrap();
    net.settle();
    assert!(!net.core(1).is_leader());
    assert_eq!(net.core(1).conf_state().learners, [1]);
    net.tick(60);
    assert!(!net.core(1).is_leader());
}

#[test]
fn rule_a_read_waits_for_a_commit_in_the_term() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(2).campaign();
    // Member 2 wins, but its empty entry is not replicated yet.
    net.nodes.values_mut().for_each(|node| node.core.tick());
    let mut net = Net::new(3);
    net.settle();
    net.core(1).campaign();
    while !net.core(1).is_leader() {
        let sent: Vec<_> = net.nodes.values_mut().flat_map(Node::pump).collect();
        for message in sent {
            let to = message.to;
            net.core(to).step(message).unwrap();
        }
    }
    assert_eq!(net.core(1).read_index(5), Err(ReadIndexError::NotCommitted));
    // A follower's question is kept rather than dropped.
    let mut question = message(MessageType::MsgReadIndex, 2, 1, 0);
    question.entries =
        vec![raftpb::Entry { data: Bytes::from(net.core(2).context_for_test(77)), ..Default::default() }];
    net.core(1).step(question).unwrap();
    net.settle();
    let commit = net.core(1).status().commit;
    assert_eq!(net.nodes[&2].reads, [ReadState { context: 77, index: commit }]);
    net.core(1).read_index(6).unwrap();
    net.settle();
    assert_eq!(net.nodes[&1].reads, [ReadState { context: 6, index: commit }]);
}

#[test]
fn rule_applied_never_exceeds_the_loaded_commit() {
    let entries: Vec<_> =
        (1..=5).map(|index| raftpb::Entry { term: 1, index, ..raftpb::Entry::default() }).collect();
    let conf_state = raftpb::ConfState { voters: vec![1, 2, 3], ..raftpb::ConfState::default() };
    let check = |commit, applied, expected| {
        let recovered = RecoveredLog {
            entries: entries.clone(),
            hard_state: raftpb::HardState { term: 1, vote: 0, commit },
            applied: Position { index: applied, term: 0 },
            conf_state: conf_state.clone(),
            ..RecoveredLog::default()
        };
        let status = Core::new(options(1), recovered).unwrap().status();
        assert_eq!((status.commit, status.applied), expected, "commit {commit}, applied {applied}");
    };
    check(0, 0, (0, 0));
    check(2, 4, (4, 4));
    check(5, 4, (5, 4));
    check(9, 4, (5, 4)); // the log lost unsynced entries, the commit index did not
}

#[test]
fn rule_applied_is_held_back_until_raft_can_take_it() {
    let mut net = Net::new(1);
    net.tick(25);
    let status = net.core(1).status();
    net.core(1).applied(status.applied + 100);
    assert_eq!(net.core(1).status().applied, status.commit);
}

#[test]
fn rule_a_slow_disk_delays_a_followers_answer_and_nothing_else() {
    let mut net = Net::new(3);
    net.elect(1);
    net.nodes.get_mut(&2).unwrap().slow_disk = true;
    net.nodes.get_mut(&1).unwrap().slow_disk = true;
    net.core(1).propose(vec![Bytes::from_static(b"x")]).unwrap();
    net.settle();
    assert_eq!(net.nodes[&1].pending.len(), 1, "the leader sent before it was durable");
    assert_eq!(net.payloads(1), [""; 0], "one of three is no quorum");
    assert_eq!(net.nodes[&2].pending.len(), 1);
    assert_eq!(net.nodes[&2].pending[0].messages_after.len(), 1);
    let acks = net.nodes.get_mut(&2).unwrap().sync();
    net.inbox.extend(acks);
    net.settle();
    assert_eq!(net.payloads(3), ["x"], "committed by two followers");
    assert_eq!(net.payloads(1), [""; 0], "and not applied where it is not durable");
    let sent = net.nodes.get_mut(&1).unwrap().sync();
    net.inbox.extend(sent);
    net.settle();
    assert_eq!(net.payloads(1), ["x"]);
}

#[test]
fn rule_several_rounds_are_under_way() {
    let mut net = Net::new(3);
    net.elect(1);
    net.nodes.get_mut(&1).unwrap().slow_disk = true;
    for n in 0..3 {
        net.core(1).propose(vec![Bytes::from(format!("{n}"))]).unwrap();
        net.settle();
    }
    let rounds: Vec<_> = net.nodes[&1].pending.iter().map(|persist| persist.round).collect();
    assert_eq!(rounds.len(), 3);
    let newest = *rounds.last().unwrap();
    net.nodes.get_mut(&1).unwrap().pending.clear();
    net.core(1).persisted(newest);
    net.settle();
    assert_eq!(net.payloads(1), ["0", "1", "2"], "the newest stands for all");
}

#[test]
fn rule_no_election_with_a_log_that_is_not_durable() {
    // A voter that is alone in its configuration becomes leader at once; raft asserts that its log is durable.
    let mut net = Net::new(2);
    net.elect(1);
    net.core(1).propose_conf_change(&change(raftpb::ConfChangeType::ConfChangeRemoveNode, 1)).unwrap();
    net.settle();
    net.nodes.get_mut(&2).unwrap().slow_disk = true;
    let status = net.core(2).status();
    assert_eq!(net.core(2).conf_state().voters, [2]);
    let mut append = message(MessageType::MsgApp, 1, 2, status.leadership.term);
    append.index = status.last_index;
    append.log_term = status.leadership.term;
    append.entries = vec![raftpb::Entry { term: append.term, index: append.index + 1, ..Default::default() }];
    net.core(2).step(append).unwrap();
    net.settle();
    for _ in 0..50 {
        net.core(2).tick();
        net.settle();
    }
    assert!(!net.core(2).is_leader() && !net.core(2).campaign());
    net.nodes.get_mut(&2).unwrap().sync();
    net.core(2).tick();
    net.settle();
    net.nodes.get_mut(&2).unwrap().sync();
    assert!(net.core(2).is_leader());
}

#[test]
fn rule_no_election_while_a_snapshot_is_installed() {
    let mut core = Core::new(options(2), founded(2, 3)).unwrap();
    while core.take_output().is_some() {}
    core.applied(3);
    let conf_state = Some(raftpb::ConfState { voters: vec![1, 2, 3], ..Default::default() });
    let metadata = Some(raftpb::SnapshotMetadata { conf_state, index: 90, term: 4 });
    let mut snap = message(MessageType::MsgSnap, 1, 2, 5);
    snap.snapshot = Some(raftpb::Snapshot { metadata, data: Bytes::new() });
    core.step(snap).unwrap();
    let persist = core.take_output().unwrap().persist.unwrap();
    assert_eq!(persist.snapshot.unwrap().index, 90);
    for _ in 0..100 {
        core.tick();
        let _ = core.step(message(MessageType::MsgTimeoutNow, 1, 2, 5));
    }
    assert!(core.take_output().is_none());
    core.persisted(persist.round);
    core.tick();
    assert_eq!(core.status().leadership.role, Role::Follower, "durable, not applied");
    core.applied(90);
    core.tick();
    assert_eq!(core.status().leadership.role, Role::PreCandidate);
}

#[test]
fn rule_an_order_to_take_over_is_kept_until_it_can_be_followed() {
    let mut net = Net::new(3);
    net.elect(1);
    let term = net.core(1).status().leadership.term;
    let order = message(MessageType::MsgTimeoutNow, 1, 2, term);
    // The answer to this heartbeat is still to be sent when the order comes.
    net.core(2).step(message(MessageType::MsgHeartbeat, 1, 2, term)).unwrap();
    net.core(2).step(order.clone()).unwrap();
    assert_eq!(net.core(2).status().leadership.role, Role::Follower);
    net.settle();
    assert!(net.core(2).is_leader());

    // An order that could not be followed while its leader waited is void.
    net.core(3).step(message(MessageType::MsgHeartbeat, 2, 3, term + 1)).unwrap();
    net.core(3).step(message(MessageType::MsgTimeoutNow, 2, 3, term + 1)).unwrap();
    let timeout = options(3).election_ticks;
    (0..timeout).for_each(|_| net.core(3).age_order());
    net.settle();
    assert!(net.core(2).is_leader() && !net.core(3).is_leader());
}

#[test]
fn rule_timeouts_come_from_the_seed() {
    let roles = |seed: u64| {
        let mut core = Core::new(CoreOptions { seed, ..options(1) }, founded(1, 3)).unwrap();
        let mut seen = Vec::new();
        for tick in 0..200 {
            core.tick();
            while let Some(output) = core.take_output() {
                seen.extend(output.leadership.map(|leadership| (tick, leadership.role)));
            }
        }
        (seen, core.timeout)
    };
    assert_eq!(roles(1), roles(1));
    let drawn: BTreeSet<_> = (0..64).map(|seed| roles(seed).1).collect();
    assert_eq!(drawn, (10..20).collect(), "every timeout in the range is used");
}

#[test]
fn rule_storage_never_answers_with_an_unexpected_error() {
    use raft::{Error, GetEntriesContext, Storage, StorageError};
    let mut store = LogStore::default();
    let entries = (1..=9).map(|index| eraftpb::Entry { index, term: 2, ..Default::default() });
    store.append(entries.collect());
    store.applied = 6;
    store.compact(4);
    let read =
        |low, high| store.entries(low, high, None, GetEntriesContext::empty(false)).map(|found| found.len());
    assert_eq!(read(5, 10), Ok(5));
    assert_eq!(read(4, 6), Err(Error::Store(StorageError::Compacted)));
    assert_eq!(read(5, 11), Err(Error::Store(StorageError::Unavailable)));
    assert_eq!(store.term(4), Ok(2));
    assert_eq!(store.term(3), Err(Error::Store(StorageError::Compacted)));
    assert_eq!(store.term(10), Err(Error::Store(StorageError::Unavailable)));
    let fresh = LogStore::default();
    let none = fresh.snapshot(0, 2).unwrap_err();
    assert_eq!(none, Error::Store(StorageError::SnapshotTemporarilyUnavailable));
}

#[test]
fn rule_unapplied_entries_are_bounded() {
    let mut net = Net::new(3);
    net.elect(1);
    let small = CoreOptions { max_unapplied_bytes: 100, ..options(2) };
    net.core(2).options = small;
    let node = net.nodes.get_mut(&2).unwrap();
    node.core.unapplied.push_back((1000, 500));
    node.core.unapplied_bytes += 500;
    let status = node.core.status();
    let mut append = message(MessageType::MsgApp, 1, 2, status.leadership.term);
    (append.index, append.log_term) = (status.last_index, status.leadership.term);
    node.core.step(append.clone()).unwrap();
    append.entries = vec![raftpb::Entry { term: append.term, index: append.index + 1, ..Default::default() }];
    assert_eq!(node.core.step(append.clone()), Err(StepError::Overloaded));
    node.core.applied(1000);
    node.core.step(append).unwrap();
}

#[test]
fn a_snapshot_ahead_of_the_log_restarts_the_log() {
    let entries: Vec<_> =
        (1..=5).map(|index| raftpb::Entry { term: 1, index, ..Default::default() }).collect();
    let recovered = RecoveredLog {
        entries,
        hard_state: raftpb::HardState { term: 3, vote: 0, commit: 4 },
        applied: Position { index: 80, term: 2 },
        conf_state: raftpb::ConfState { voters: vec![1], ..Default::default() },
        ..RecoveredLog::default()
    };
    let core = Core::new(options(1), recovered.clone()).unwrap();
    assert_eq!(core.restarts_at().map(|mark| (mark.index, mark.term)), Some((80, 2)));
    assert_eq!(core.hard_state(), raftpb::HardState { term: 3, vote: 0, commit: 80 });
    let unknown = RecoveredLog { applied: Position { index: 80, term: 0 }, ..recovered.clone() };
    assert!(matches!(Core::new(options(1), unknown), Err(LoadError::Ahead { applied: 80, last: 5 })));
    let behind = RecoveredLog { mark: Position { index: 90, term: 2 }, entries: vec![], ..recovered };
    assert!(matches!(Core::new(options(1), behind), Err(LoadError::Behind { applied: 80, mark: 90 })));
}

#[test]
fn rule_an_old_rejection_is_ignored() {
    let mut net = Net::new(3);
    net.elect(1);
    let (matched, _) = net.core(1).progress_of(2).unwrap();
    let term = net.core(1).status().leadership.term;
    let mut old = message(MessageType::MsgAppResp, 2, 1, term);
    (old.reject, old.index, old.reject_hint) = (true, matched, matched - 1);
    net.core(1).step(old).unwrap();
    assert!(net.core(1).take_output().is_none(), "nothing is sent again");
    assert_eq!(net.core(1).progress_of(2), Some((matched, true)));
}

#[test]
fn rule_a_change_from_before_a_snapshot_does_not_touch_rafts_configuration() {
    use raftpb::ConfChangeType as Kind;
    let mut core = Core::new(options(2), founded(2, 3)).unwrap();
    while core.take_output().is_some() {}
    core.applied(3);
    // The snapshot already knows member 4 as a learner that was promoted, and that member 3 has gone.
    let newer = raftpb::ConfState { voters: vec![1, 2, 4], ..Default::default() };
    let metadata = Some(raftpb::SnapshotMetadata { conf_state: Some(newer.clone()), index: 90, term: 4 });
    let mut snap = message(MessageType::MsgSnap, 1, 2, 5);
    snap.snapshot = Some(raftpb::Snapshot { metadata, data: Bytes::new() });
    core.step(snap).unwrap();
    let state = core.apply_conf_change(&change(Kind::ConfChangeAddLearnerNode, 4)).unwrap();
    assert_eq!((state.voters, state.learners), (vec![1, 2, 3], vec![4]), "what belongs to the entry");
    let persist = core.take_output().unwrap().persist.unwrap();
    core.persisted(persist.round);
    core.applied(90);
    assert_eq!(core.conf_state(), newer);
    let ids = |core: &Core| {
        let mut voters: Vec<_> = core.raw.raft.prs().conf().voters().ids().iter().collect();
        voters.sort_unstable();
        voters
    };
    assert_eq!(ids(&core), [1, 2, 4]);
    assert!(core.raw.raft.prs().conf().learners().is_empty());
}
