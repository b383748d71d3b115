//! The network: loses, delays, duplicates, reorders, and can be cut.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use etcd_proto::raftpb;

use crate::kv::Kv;
use crate::rng::Rng;

/// What travels.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Raft(Box<raftpb::Message>),
    /// A snapshot with the state that it stands for.
    Snapshot(Box<(raftpb::Message, Kv)>),
    /// To the sender of a snapshot: how it went.
    Report {
        to: u64,
        about: u64,
        delivered: bool,
    },
}

/// Packets under way.
#[derive(Debug, Default)]
pub(crate) struct Network {
    queue: BinaryHeap<Reverse<Flight>>,
    sequence: u64,
    /// Members on one side of a cut; empty: no cut.
    pub(crate) island: BTreeSet<u64>,
    /// Packets in 1000 that are lost.
    pub(crate) loss: u64,
    pub(crate) duplication: u64,
    /// Longest delay of most packets, in ticks.
    pub(crate) delay: u64,
}

#[derive(Debug)]
struct Flight {
    due: u64,
    sequence: u64,
    packet: Packet,
}

impl Network {
    /// Sends a packet at time `now`.
    pub(crate) fn send(&mut self, now: u64, packet: Packet, rng: &mut Rng) {
        let (from, to) = packet.ends();
        let cut = self.island.contains(&from) != self.island.contains(&to);
        let lost = cut || rng.chance(self.loss);
        if let Packet::Snapshot(snapshot) = &packet {
            let (about, wait) = (snapshot.0.to, rng.below(8));
            self.put(now + wait, Packet::Report { to: from, about, delivered: !lost });
        }
        if lost {
            return;
        }
        if rng.chance(self.duplication) {
            let due = now + self.draw_delay(rng);
            self.put(due, packet.clone());
        }
        let due = now + self.draw_delay(rng);
        self.put(due, packet);
    }

    /// The next packet that has arrived by `now`.
    pub(crate) fn receive(&mut self, now: u64) -> Option<Packet> {
        self.queue.peek().filter(|flight| flight.0.due <= now)?;
        self.queue.pop().map(|flight| flight.0.packet)
    }

    fn put(&mut self, due: u64, packet: Packet) {
        self.sequence += 1;
        self.queue.push(Reverse(Flight { due, sequence: self.sequence, packet }));
    }

    fn draw_delay(&self, rng: &mut Rng) -> u64 {
        let far = if self.delay > 0 && rng.chance(20) { 30 } else { 0 };
        rng.below(self.delay + 1) + rng.below(far + 1)
    }
}

impl Packet {
    /// Sender and receiver. A forwarded transfer names another sender; it counts as one that is not cut off.
    pub(crate) fn ends(&self) -> (u64, u64) {
        match self {
            Self::Raft(message) => (message.from, message.to),
            Self::Snapshot(snapshot) => (snapshot.0.from, snapshot.0.to),
            Self::Report { to, .. } => (*to, *to),
        }
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Flight {}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}
