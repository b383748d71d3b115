//! Scripted cores in memory: perfect disks and a network that can be cut.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{self, MessageType};

use super::*;
use crate::bootstrap;
use output::{Output, Persist, ReadState};

mod hostile;
mod noise;
mod reads;
mod replication;
mod rules;

/// One core and what its driver would hold.
pub(super) struct Node {
    pub(super) core: Core,
    pub(super) applied: Vec<raftpb::Entry>,
    pub(super) reads: Vec<ReadState>,
    /// Rounds that are written and not durable, when the disk is slow.
    pub(super) pending: VecDeque<Persist>,
    pub(super) slow_disk: bool,
}

/// A cluster.
pub(super) struct Net {
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) inbox: VecDeque<raftpb::Message>,
    pub(super) cut: BTreeSet<u64>,
}

pub(super) fn options(id: u64) -> CoreOptions {
    CoreOptions::new(id, id)
}

pub(super) fn founded(id: u64, members: u64) -> RecoveredLog {
    let begin = bootstrap((1..=members).map(|id| (id, Bytes::from(format!("member {id}")))));
    let _ = id;
    RecoveredLog {
        entries: begin.entries,
        hard_state: begin.hard_state,
        conf_state: begin.conf_state,
        ..RecoveredLog::default()
    }
}

impl Node {
    pub(super) fn new(core: Core) -> Self {
        Self { core, applied: Vec::new(), reads: Vec::new(), pending: VecDeque::new(), slow_disk: false }
    }

    /// Carries out what the core asks, and returns what it sends.
    pub(super) fn pump(&mut self) -> Vec<raftpb::Message> {
        let mut sent = Vec::new();
        while let Some(output) = self.core.take_output() {
            let Output { messages, snapshots, persist, committed, read_states, .. } = output;
            sent.extend(messages);
            sent.extend(snapshots);
            self.reads.extend(read_states);
            self.pending.extend(persist);
            self.apply(committed);
            if !self.slow_disk {
                sent.extend(self.sync());
            }
        }
        sent
    }

    /// Makes every pending round durable.
    pub(super) fn sync(&mut self) -> Vec<raftpb::Message> {
        let mut sent = Vec::new();
        for persist in std::mem::take(&mut self.pending) {
            self.core.persisted(persist.round);
            if let Some(snapshot) = persist.snapshot {
                self.core.applied(snapshot.index);
            }
            sent.extend(persist.messages_after);
        }
        sent
    }

    fn apply(&mut self, committed: Vec<raftpb::Entry>) {
        for entry in committed {
            if entry.r#type() == raftpb::EntryType::EntryConfChange
                && let Ok(change) = raftpb::ConfChange::decode(entry.data.clone())
            {
                let _ = self.core.apply_conf_change(&change);
            }
            let index = entry.index;
            self.applied.push(entry);
            self.core.applied(index);
        }
    }
}

impl Net {
    pub(super) fn new(members: u64) -> Self {
        let node = |id| (id, Node::new(Core::new(options(id), founded(id, members)).unwrap()));
        Self { nodes: (1..=members).map(node).collect(), inbox: VecDeque::new(), cut: BTreeSet::new() }
    }

    pub(super) fn core(&mut self, id: u64) -> &mut Core {
        &mut self.nodes.get_mut(&id).unwrap().core
    }

    /// Lets leaders tell what nothing else has told. Returns whether any had to.
    fn announce(&mut self) -> bool {
        let cores = self.nodes.values_mut().map(|node| &mut node.core);
        let silent: Vec<_> = cores.filter(|core| core.has_unannounced_commit()).collect();
        let any = !silent.is_empty();
        silent.into_iter().for_each(Core::announce_commit);
        any
    }

    /// Runs until nobody has anything to do, and everybody knows what is committed.
    pub(super) fn settle(&mut self) {
        self.settle_without_announcing();
        while self.announce() {
            self.settle_without_announcing();
        }
    }

    /// Runs until nobody has anything to do.
    pub(super) fn settle_without_announcing(&mut self) {
        loop {
            for node in self.nodes.values_mut() {
                self.inbox.extend(node.pump());
            }
            let Some(message) = self.inbox.pop_front() else { return };
            if self.cut.contains(&message.from) || self.cut.contains(&message.to) {
                continue;
            }
            if let Some(node) = self.nodes.get_mut(&message.to) {
                let _ = node.core.step(message);
            }
        }
    }

    pub(super) fn elect(&mut self, id: u64) {
        self.settle();
        assert!(self.core(id).campaign());
        self.settle();
        assert!(self.core(id).is_leader());
    }

    pub(super) fn tick(&mut self, times: usize) {
        for _ in 0..times {
            self.nodes.values_mut().for_each(|node| node.core.tick());
            self.settle();
        }
    }

    /// The payloads of normal entries that `id` has applied.
    pub(super) fn payloads(&self, id: u64) -> Vec<Bytes> {
        let normal = |entry: &&raftpb::Entry| entry.r#type == 0 && !entry.data.is_empty();
        self.nodes[&id].applied.iter().filter(normal).map(|entry| entry.data.clone()).collect()
    }
}

pub(super) fn change(kind: raftpb::ConfChangeType, node_id: u64) -> raftpb::ConfChange {
    raftpb::ConfChange { id: 7, r#type: kind.into(), node_id, context: Bytes::from_static(b"{}") }
}

pub(super) fn message(kind: MessageType, from: u64, to: u64, term: u64) -> raftpb::Message {
    raftpb::Message { r#type: kind.into(), from, to, term, ..raftpb::Message::default() }
}
