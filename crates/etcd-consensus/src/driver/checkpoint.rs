//! Where the log may be cut: places that were applied and have become durable since.

use std::collections::VecDeque;

use etcd_proto::raftpb;

#[cfg(test)]
mod tests;

/// Places that are remembered at most; more are not, until one became durable.
const MAX_PENDING: usize = 64;

/// Remembers a place every so many entries, until the state machine's storage has passed it.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    every: u64,
    last: u64,
    pending: VecDeque<raftpb::SnapshotMetadata>,
}

impl Checkpoints {
    pub(crate) fn new(every: u64, applied: u64) -> Self {
        Self { every: every.max(1), last: applied, pending: VecDeque::new() }
    }

    /// Takes note that `index` is applied.
    pub(crate) fn applied(&mut self, index: u64, term: u64, conf_state: &raftpb::ConfState) {
        if index < self.last.saturating_add(self.every) || self.pending.len() >= MAX_PENDING {
            return;
        }
        self.last = index;
        self.pending.push_back(raftpb::SnapshotMetadata {
            conf_state: Some(conf_state.clone()),
            index,
            term,
        });
    }

    /// The state machine was replaced by a snapshot, which gets a mark of its own.
    pub(crate) fn restart(&mut self, index: u64) {
        self.pending.clear();
        self.last = index;
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The newest place that `durable` has reached.
    pub(crate) fn take_durable(&mut self, durable: u64) -> Option<raftpb::SnapshotMetadata> {
        let mut newest = None;
        while let Some(place) = self.pending.pop_front_if(|place| place.index <= durable) {
            newest = Some(place);
        }
        newest
    }
}
