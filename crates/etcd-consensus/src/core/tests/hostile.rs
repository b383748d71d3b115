//! Messages that no honest member sends. None may panic, and none may be believed.

use super::*;

/// A follower of member 1 at term 2 with 3 entries of term 1 and one of term 2, all committed but the last.
fn follower() -> Core {
    let mut recovered = founded(2, 3);
    recovered.entries.push(raftpb::Entry { term: 2, index: 4, ..Default::default() });
    recovered.hard_state = raftpb::HardState { term: 2, vote: 0, commit: 3 };
    let mut core = Core::new(options(2), recovered).unwrap();
    while core.take_output().is_some() {}
    core.applied(3);
    core
}

fn leader() -> Core {
    let mut net = Net::new(3);
    net.elect(2);
    net.nodes.remove(&2).unwrap().core
}

fn entry(index: u64, term: u64) -> raftpb::Entry {
    raftpb::Entry { index, term, ..Default::default() }
}

#[test]
fn malformed_messages_are_refused() {
    let check = |what: &str, edit: &dyn Fn(&mut raftpb::Message)| {
        for mut core in [follower(), leader()] {
            let mut bad = message(MessageType::MsgApp, 1, 2, core.term());
            (bad.index, bad.log_term) = (3, 1);
            edit(&mut bad);
            let before = core.status();
            assert!(core.step(bad).is_err(), "{what}");
            while core.take_output().is_some() {}
            core.tick();
            assert_eq!(core.status().commit, before.commit, "{what}");
        }
    };
    check("unknown type", &|m| m.r#type = 99);
    check("storage type", &|m| m.r#type = MessageType::MsgStorageAppend.into());
    check("local type", &|m| m.r#type = MessageType::MsgHup.into());
    check("local beat", &|m| m.r#type = MessageType::MsgBeat.into());
    check("not for us", &|m| m.to = 3);
    check("from nobody", &|m| m.from = 0);
    check("from ourselves", &|m| m.from = 2);
    check("no term", &|m| m.term = 0);
    check("huge term", &|m| m.term = u64::MAX);
    check("no term at a place", &|m| m.log_term = 0);
    check("future place", &|m| m.log_term = 77);
    check("unknown entry type", &|m| m.entries = vec![raftpb::Entry { r#type: 9, ..entry(4, 1) }]);
    check("gap", &|m| m.entries = vec![entry(5, 2)]);
    check("falling terms", &|m| m.entries = vec![entry(4, 2), entry(5, 1)]);
    check("future entry", &|m| m.entries = vec![entry(4, 99)]);
    check("proposal with a term", &|m| m.r#type = MessageType::MsgProp.into());
    check("empty proposal", &|m| (m.r#type, m.term) = (MessageType::MsgProp.into(), 0));
    check("question without entry", &|m| (m.r#type, m.term) = (MessageType::MsgReadIndex.into(), 0));
    check("answer without entry", &|m| m.r#type = MessageType::MsgReadIndexResp.into());
    check("snapshot without metadata", &|m| m.r#type = MessageType::MsgSnap.into());
    check("snapshot of nothing", &|m| {
        m.r#type = MessageType::MsgSnap.into();
        m.snapshot = Some(raftpb::Snapshot { metadata: Some(Default::default()), ..Default::default() });
    });
    check("conf change that is none", &|m| {
        (m.r#type, m.term) = (MessageType::MsgProp.into(), 0);
        m.entries =
            vec![raftpb::Entry { r#type: 1, data: Bytes::from_static(b"\xff\xff"), ..Default::default() }];
    });
    check("conf change of unknown type", &|m| {
        (m.r#type, m.term) = (MessageType::MsgProp.into(), 0);
        let data = raftpb::ConfChange { r#type: 17, node_id: 1, ..Default::default() }.encode_to_vec().into();
        m.entries = vec![raftpb::Entry { r#type: 1, data, ..Default::default() }];
    });
}

#[test]
fn contradicting_configurations_are_refused() {
    let check = |state: raftpb::ConfState| {
        let mut core = follower();
        let metadata = Some(raftpb::SnapshotMetadata { conf_state: Some(state.clone()), index: 50, term: 2 });
        let mut bad = message(MessageType::MsgSnap, 1, 2, 2);
        bad.snapshot = Some(raftpb::Snapshot { metadata, data: Bytes::new() });
        assert!(core.step(bad).is_err(), "{state:?}");
    };
    let state = |voters: &[u64], learners: &[u64]| raftpb::ConfState {
        voters: voters.to_vec(),
        learners: learners.to_vec(),
        ..Default::default()
    };
    check(state(&[], &[1]));
    check(state(&[1, 1], &[]));
    check(state(&[1, 2], &[2]));
    check(state(&[0, 1], &[]));
    check(raftpb::ConfState { learners_next: vec![7], ..state(&[1, 2], &[]) });
    check(raftpb::ConfState { auto_leave: true, ..state(&[1, 2], &[]) });
}

#[test]
fn a_lost_log_and_a_diverged_log_are_reported() {
    let mut core = follower();
    let beat = raftpb::Message { commit: 40, ..message(MessageType::MsgHeartbeat, 1, 2, 2) };
    assert_eq!(core.step(beat), Err(StepError::PastEnd { index: 40, last: 4 }));
    let mut append = message(MessageType::MsgApp, 1, 2, 3);
    (append.index, append.log_term, append.entries) = (1, 1, vec![entry(2, 3)]);
    assert_eq!(core.step(append), Err(StepError::ConflictsWithCommitted { index: 2 }));
    let mut append = message(MessageType::MsgApp, 1, 2, 3);
    (append.index, append.log_term, append.entries) = (3, 1, vec![entry(4, 3)]);
    assert_eq!(core.step(append), Ok(()), "an uncommitted entry is replaced");
    let mut core = leader();
    let last = core.last_index();
    let ack = raftpb::Message { index: last + 9, ..message(MessageType::MsgAppResp, 1, 2, core.term()) };
    assert_eq!(core.step(ack), Err(StepError::PastEnd { index: last + 9, last }));
}

#[test]
fn a_conflict_with_a_committed_entry_is_refused() {
    let mut recovered = founded(2, 3);
    recovered.entries.extend([entry(4, 2), entry(5, 2)]);
    recovered.hard_state = raftpb::HardState { term: 2, vote: 0, commit: 3 };
    let mut core = Core::new(options(2), recovered).unwrap();
    let mut commit = message(MessageType::MsgHeartbeat, 1, 2, 2);
    commit.commit = 4;
    core.step(commit).unwrap();
    while core.take_output().is_some() {}
    // The place before is at the commit index or later for raft to look at the entries at all.
    let mut append = message(MessageType::MsgApp, 1, 2, 3);
    (append.index, append.log_term, append.entries) = (3, 1, vec![entry(4, 3)]);
    assert_eq!(core.step(append), Err(StepError::ConflictsWithCommitted { index: 4 }));
}

#[test]
fn forwarded_requests_do_no_harm_anywhere() {
    for mut core in [follower(), leader()] {
        let term = core.term();
        let _ = core.step(message(MessageType::MsgTransferLeader, 1, 2, term));
        let _ = core.step(message(MessageType::MsgTransferLeader, 2, 2, term));
        let _ = core.step(message(MessageType::MsgTransferLeader, 77, 2, term));
        let mut question = message(MessageType::MsgReadIndex, 77, 2, 0);
        question.entries = vec![raftpb::Entry::default()];
        let _ = core.step(question.clone());
        let _ = core.step(raftpb::Message { from: 2, ..question });
        let mut proposal = message(MessageType::MsgProp, 2, 2, 0);
        proposal.entries = vec![entry(9, 9)];
        let _ = core.step(proposal);
        let _ = core.step(message(MessageType::MsgTimeoutNow, 77, 2, term));
        while core.take_output().is_some() {}
    }
}

#[test]
fn answers_of_strangers_are_refused() {
    let mut core = leader();
    let term = core.term();
    for kind in [MessageType::MsgAppResp, MessageType::MsgHeartbeatResp, MessageType::MsgVoteResp] {
        assert_eq!(core.step(message(kind, 77, 2, term)), Err(StepError::UnknownPeer { from: 77 }));
    }
}
