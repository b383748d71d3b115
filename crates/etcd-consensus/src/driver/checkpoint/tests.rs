//! Places are taken when they are due and given when they are durable.

use super::*;

#[test]
fn places_wait_until_they_are_durable() {
    let conf_state = raftpb::ConfState { voters: vec![1], ..Default::default() };
    let mut checkpoints = Checkpoints::new(10, 5);
    for index in 6..=40 {
        checkpoints.applied(index, 2, &conf_state);
    }
    assert!(checkpoints.is_waiting());
    let mut take = |durable| checkpoints.take_durable(durable).map(|place| place.index);
    assert_eq!(take(14), None);
    assert_eq!(take(34), Some(25), "the newest of 15 and 25");
    assert_eq!(take(40), Some(35));
    assert_eq!(take(99), None);
    checkpoints.applied(45, 2, &conf_state);
    checkpoints.restart(200);
    assert!(!checkpoints.is_waiting(), "a snapshot has a mark of its own");
    checkpoints.applied(209, 3, &conf_state);
    assert!(!checkpoints.is_waiting());
    checkpoints.applied(210, 3, &conf_state);
    assert!(checkpoints.is_waiting());
}
