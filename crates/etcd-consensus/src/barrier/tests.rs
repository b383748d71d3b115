//! Who shares a question, and when it is asked again.

use bytes::Bytes;

use super::*;
use crate::{CoreOptions, RecoveredLog, bootstrap};
use etcd_proto::raftpb::{self, MessageType};

/// A follower of member 1 at term 2.
fn follower() -> Core {
    let begin = bootstrap((1..=3).map(|id| (id, Bytes::from_static(b"{}"))));
    let found = RecoveredLog {
        entries: begin.entries,
        hard_state: begin.hard_state,
        conf_state: begin.conf_state,
        ..RecoveredLog::default()
    };
    let mut core = Core::new(CoreOptions::new(2, 7), found).unwrap();
    follow(&mut core, 1, 2);
    core
}

fn follow(core: &mut Core, leader: u64, term: u64) {
    let r#type = MessageType::MsgHeartbeat.into();
    core.step(raftpb::Message { r#type, from: leader, to: 2, term, ..Default::default() }).unwrap();
}

#[test]
fn readers_share_the_question_that_is_asked_after_they_came() {
    let mut core = follower();
    let mut barrier = ReadBarrier::new(100, 5);
    barrier.add("a");
    barrier.add("b");
    assert_eq!(barrier.poll(&mut core), Asked::First);
    barrier.add("c");
    assert_eq!(barrier.poll(&mut core), Asked::No, "one question at a time");
    barrier.answer(ReadState { context: 99, index: 3 });
    assert_eq!(barrier.release(10), None, "an answer to another life's question");
    barrier.answer(ReadState { context: 100, index: 7 });
    assert_eq!(barrier.release(6), None, "not applied yet");
    assert_eq!(barrier.release(7), Some((7, vec!["a", "b"])));
    assert_eq!(barrier.poll(&mut core), Asked::First);
    barrier.answer(ReadState { context: 101, index: 7 });
    assert_eq!(barrier.release(7), Some((7, vec!["c"])));
    assert!(barrier.is_empty());
}

#[test]
fn a_question_is_asked_again_with_a_fresh_context() {
    let mut core = follower();
    let mut barrier = ReadBarrier::new(100, 2);
    barrier.add("a");
    assert_eq!(barrier.poll(&mut core), Asked::First);
    barrier.tick();
    assert_eq!(barrier.poll(&mut core), Asked::No);
    barrier.tick();
    assert_eq!(barrier.poll(&mut core), Asked::Again, "late");
    follow(&mut core, 3, 3);
    assert_eq!(barrier.poll(&mut core), Asked::Again, "another leader");
    barrier.answer(ReadState { context: 100, index: 4 });
    assert_eq!(barrier.release(4), Some((4, vec!["a"])), "the first attempt began after the reader came");
}

#[test]
fn readers_that_are_gone_take_their_question_with_them() {
    let mut core = follower();
    let mut barrier = ReadBarrier::new(0, 1);
    barrier.add(1);
    barrier.poll(&mut core);
    barrier.add(2);
    assert_eq!(barrier.prune(|reader| *reader == 1), 1);
    assert_eq!(barrier.len(), 1);
    assert_eq!(barrier.poll(&mut core), Asked::First, "for the one that waited");
}
