//! Random messages with plausible numbers: none may make raft panic.

use super::*;
use crate::core::timeouts::Timeouts;

/// Numbers below a bound, from a seed.
struct Noise(Timeouts);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(Timeouts::new(seed, 0, 1 << 30))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.draw() as u64 % bound
    }

    fn message(&mut self, term: u64, last: u64) -> raftpb::Message {
        let index = self.below(last + 3);
        let log_term = self.below(term + 2);
        let entry = |noise: &mut Self, at: u64| raftpb::Entry {
            r#type: if noise.below(8) == 0 { 1 } else { 0 },
            term: noise.below(term + 2),
            index: index + 1 + at,
            data: Bytes::from(vec![0; usize::try_from(noise.below(3)).unwrap()]),
        };
        let entries = (0..self.below(4)).map(|at| entry(self, at)).collect();
        let voters = (1..=self.below(5)).collect();
        let conf_state = Some(raftpb::ConfState { voters, ..Default::default() });
        let metadata =
            Some(raftpb::SnapshotMetadata { conf_state, index: self.below(last + 30), term: log_term });
        raftpb::Message {
            r#type: i32::try_from(self.below(20)).unwrap(),
            from: self.below(5),
            to: 2,
            term: if self.below(4) == 0 { 0 } else { term + self.below(3) - self.below(2).min(term) },
            log_term,
            index,
            entries,
            commit: self.below(last + 3),
            snapshot: (self.below(2) == 0).then(|| raftpb::Snapshot { metadata, data: Bytes::new() }),
            reject: self.below(3) == 0,
            reject_hint: self.below(last + 3),
            context: Bytes::from(vec![7; usize::try_from(self.below(2)).unwrap()]),
        }
    }
}

#[test]
fn noise_does_no_harm() {
    let (mut taken, mut led, mut highest) = (0, 0, 0);
    for seed in 0..300 {
        let mut noise = Noise::new(seed);
        let mut node = Node::new(Core::new(options(2), founded(2, 3)).unwrap());
        for _ in 0..400 {
            let status = node.core.status();
            let message = noise.message(status.leadership.term, status.last_index);
            taken += u32::from(node.core.step(message).is_ok());
            led += u32::from(node.core.is_leader());
            highest = highest.max(status.applied);
            match noise.below(12) {
                0 => node.core.tick(),
                1 => drop(node.core.propose(vec![Bytes::from_static(b"p")])),
                2 => drop(node.core.read_index(noise.below(1 << 20))),
                3 => node.slow_disk = !node.slow_disk,
                4 => drop(node.sync()),
                5 => drop(node.core.campaign()),
                6 => node.core.compact(noise.below(status.last_index + 1)),
                _ => drop(node.pump()),
            }
        }
    }
    assert!(
        taken > 10_000 && led > 100 && highest > 10,
        "too tame: {taken} taken, {led} led, {highest} applied"
    );
}
