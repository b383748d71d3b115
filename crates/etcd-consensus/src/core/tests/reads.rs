//! One round of heartbeats for everybody's questions, and none that answers too much.

use super::*;
use crate::core::questions::MAX_QUESTIONS;

/// Those of `sent` that ask for a confirmation.
fn rounds(sent: &[raftpb::Message]) -> Vec<(u64, Bytes)> {
    let asks =
        |sent: &&raftpb::Message| sent.r#type() == MessageType::MsgHeartbeat && !sent.context.is_empty();
    sent.iter().filter(asks).map(|sent| (sent.to, sent.context.clone())).collect()
}

fn question(from: u64, context: impl Into<Bytes>) -> raftpb::Message {
    let entries = vec![raftpb::Entry { data: context.into(), ..Default::default() }];
    raftpb::Message { entries, ..message(MessageType::MsgReadIndex, from, 1, 0) }
}

impl Net {
    fn pump(&mut self, id: u64) -> Vec<raftpb::Message> {
        self.nodes.get_mut(&id).unwrap().pump()
    }

    fn commit(&mut self, id: u64) -> u64 {
        self.core(id).status().commit
    }

    fn write(&mut self) -> u64 {
        self.core(1).propose(vec![Bytes::from_static(b"w")]).unwrap();
        self.settle();
        self.commit(1)
    }

    fn reads(&self, id: u64) -> Vec<(u64, u64)> {
        self.nodes[&id].reads.iter().map(|read| (read.context, read.index)).collect()
    }
}

#[test]
fn a_round_serves_all_members() {
    let mut net = Net::new(3);
    net.elect(1);
    for id in 1..=3 {
        net.core(id).read_index(id * 10).unwrap();
    }
    for message in [net.pump(2), net.pump(3)].concat() {
        net.core(1).step(message).unwrap();
    }
    let sent = net.pump(1);
    let asked = rounds(&sent);
    assert_eq!(asked.len(), 2, "one heartbeat for each follower");
    assert_eq!(asked[0].1, asked[1].1);
    net.inbox.extend(sent);
    net.settle();
    let commit = net.commit(1);
    for id in 1..=3 {
        assert_eq!(net.reads(id), [(id * 10, commit)]);
    }
}

#[test]
fn a_question_during_a_round_waits_for_the_next_one() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(1).read_index(1).unwrap();
    let first = net.pump(1);
    let (before, after) = (net.commit(1), net.write());
    assert!(before < after);
    net.core(1).read_index(2).unwrap();
    let context = net.core(3).context_for_test(3);
    net.core(1).step(question(3, context)).unwrap();
    assert_eq!(rounds(&net.pump(1)), [], "one at a time");
    net.inbox.extend(first);
    net.settle();
    assert_eq!(net.reads(1), [(1, before), (2, after)]);
    assert_eq!(net.reads(3), [(3, after)]);
}

#[test]
fn an_answer_is_what_raft_would_send() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(1).step(question(3, &b"go's own"[..])).unwrap();
    let sent = net.pump(1);
    let ack = {
        let heartbeat = sent.into_iter().find(|sent| sent.to == 2).unwrap();
        net.core(2).step(heartbeat).unwrap();
        net.pump(2).remove(0)
    };
    net.core(1).step(ack).unwrap();
    let status = net.core(1).status();
    let expected = raftpb::Message {
        index: status.commit,
        entries: question(3, &b"go's own"[..]).entries,
        ..message(MessageType::MsgReadIndexResp, 1, 3, status.leadership.term)
    };
    assert_eq!(net.pump(1), [expected]);
}

#[test]
fn a_lost_round_is_followed_by_another() {
    let mut net = Net::new(3);
    net.elect(1);
    net.cut = [2, 3].into();
    net.core(1).read_index(1).unwrap();
    net.settle();
    net.core(1).read_index(2).unwrap();
    net.tick(1);
    net.core(1).tick();
    net.cut.clear();
    let sent = net.pump(1);
    let contexts: BTreeSet<_> = rounds(&sent).into_iter().map(|(_, context)| context).collect();
    assert_eq!(contexts.len(), 2, "raft repeats the first one, and there is a fresh one");
    // Only the fresh one arrives.
    net.inbox.extend(sent.into_iter().filter(|sent| Some(&sent.context) == contexts.last()));
    net.settle();
    let commit = net.commit(1);
    assert_eq!(net.reads(1), [(1, commit), (2, commit)]);
}

#[test]
fn a_leader_that_steps_down_forgets() {
    let mut net = Net::new(3);
    net.elect(1);
    net.core(1).read_index(1).unwrap();
    let stale = net.pump(1);
    net.core(1).read_index(2).unwrap();
    let context = net.core(3).context_for_test(3);
    net.core(1).step(question(3, context)).unwrap();
    net.cut = [1].into();
    net.tick(25);
    net.cut.clear();
    net.tick(3);
    let leader = net.core(1).status().leadership.leader;
    assert!(leader > 1);
    net.inbox.extend(stale);
    net.settle();
    assert_eq!((net.reads(1), net.reads(3)), (vec![], vec![]));
    net.core(leader).transfer_leader(1).unwrap();
    net.settle();
    assert!(net.core(1).is_leader());
    assert_eq!(net.reads(1), [], "what was asked in another term");
    net.core(1).read_index(4).unwrap();
    net.settle();
    assert_eq!(net.reads(1), [(4, net.commit(1))]);
}

#[test]
fn a_single_voter_answers_at_once() {
    let mut net = Net::new(1);
    net.tick(25);
    net.core(1).read_index(1).unwrap();
    net.core(1).step(question(2, &b"learner's"[..])).unwrap();
    let output = net.core(1).take_output().unwrap();
    let index = net.commit(1);
    assert_eq!(output.read_states, [ReadState { context: 1, index }]);
    assert_eq!(output.messages.len(), 1);
    assert_eq!((output.messages[0].to, output.messages[0].index), (2, index));
    assert!(net.core(1).take_output().is_none());
}

#[test]
fn an_own_question_that_comes_back_is_answered() {
    let mut net = Net::new(3);
    net.elect(1);
    let context = net.core(1).context_for_test(5);
    net.core(1).step(question(1, context)).unwrap();
    net.core(1).step(question(1, &b"not ours"[..])).unwrap();
    net.settle();
    assert_eq!(net.reads(1), [(5, net.commit(1))]);
}

#[test]
fn questions_are_bounded() {
    let mut net = Net::new(3);
    net.elect(1);
    net.cut = [1].into();
    for n in 0..2 * MAX_QUESTIONS as u64 {
        net.core(1).step(question(2, n.to_be_bytes().to_vec())).unwrap();
    }
    assert_eq!(net.core(1).read_index(1), Err(ReadIndexError::TooMany));
    net.cut.clear();
    let answers = |sent: Vec<raftpb::Message>| {
        sent.iter().filter(|sent| sent.r#type() == MessageType::MsgReadIndexResp).count()
    };
    for heartbeat in net.pump(1) {
        net.inbox.push_back(heartbeat);
    }
    let heartbeat = net.inbox.pop_front().unwrap();
    let to = heartbeat.to;
    net.core(to).step(heartbeat).unwrap();
    let ack = net.pump(to).remove(0);
    net.core(1).step(ack).unwrap();
    assert_eq!(answers(net.pump(1)), MAX_QUESTIONS);
    assert_eq!(net.core(1).read_index(1), Ok(()));
}
