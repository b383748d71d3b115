//! The tail of the log in memory: what raft reads its entries from.
//!
//! Holds everything after the last compaction, including what is not durable yet: raft demands that entries can
//! be read before it is told that they were taken over.

use std::collections::VecDeque;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use crate::convert::entry;

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Index of the entry.
    pub index: u64,
    /// Term of the entry.
    pub term: u64,
}

/// The log in memory. Invariant: `entries[i].index == base.index + 1 + i`.
#[derive(Debug, Default)]
pub(crate) struct LogStore {
    /// The entry before the first one: compacted, or covered by a snapshot.
    pub(crate) base: Position,
    pub(crate) entries: VecDeque<Entry>,
    /// Only read when raft starts.
    pub(crate) hard_state: HardState,
    /// As of the newest applied change.
    pub(crate) conf_state: ConfState,
    /// What the state machine has applied; the index that a snapshot is offered at.
    pub(crate) applied: u64,
}

impl LogStore {
    pub(crate) fn last(&self) -> Position {
        self.entries.back().map_or(self.base, |entry| Position { index: entry.index, term: entry.term })
    }

    /// Term of the entry at `index`, if it is known.
    pub(crate) fn term_of(&self, index: u64) -> Option<u64> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// Takes over `entries`, dropping what they replace.
    pub(crate) fn append(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        assert!(first.index > self.base.index, "an entry at or before the compacted part of the log");
        assert!(first.index <= self.last().index + 1, "a gap in the log");
        self.entries.truncate(offset(self.base.index, first.index));
        self.entries.extend(entries);
    }

    /// Forgets everything and starts again after `base`.
    pub(crate) fn reset(&mut self, base: Position) {
        self.base = base;
        self.entries.clear();
    }

    /// Drops the entries up to and including `index`, which must be applied. A no-op when that was done before.
    pub(crate) fn compact(&mut self, index: u64) {
        let index = index.min(self.applied);
        let Some(term) = self.term_of(index).filter(|_| index > self.base.index) else { return };
        self.entries.drain(..=offset(self.base.index, index));
        self.base = Position { index, term };
    }

    fn get(&self, index: u64) -> Option<&Entry> {
        if index <= self.base.index {
            return None;
        }
        self.entries.get(offset(self.base.index, index))
    }
}

impl Storage for LogStore {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState { hard_state: self.hard_state.clone(), conf_state: self.conf_state.clone() })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.base.index {
            return Err(StorageError::Compacted.into());
        }
        if high > self.last().index + 1 || low > high {
            return Err(StorageError::Unavailable.into());
        }
        let limit = max_size.into().unwrap_or(u64::MAX);
        let wanted = self.entries.range(offset(self.base.index, low)..offset(self.base.index, high));
        let mut size = 0;
        let fits = |entry: &&Entry| {
            let first = size == 0;
            size += entry::size(entry);
            first || size <= limit
        };
        Ok(wanted.take_while(fits).cloned().collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index < self.base.index {
            return Err(StorageError::Compacted.into());
        }
        self.term_of(index).ok_or_else(|| StorageError::Unavailable.into())
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.base.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last().index)
    }

    /// Only says where the state machine is; the data is fetched when the message leaves.
    fn snapshot(&self, request_index: u64, _: u64) -> raft::Result<Snapshot> {
        let term = self.term_of(self.applied).filter(|_| self.applied != 0 && self.applied >= request_index);
        let term = term.ok_or(StorageError::SnapshotTemporarilyUnavailable)?;
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        metadata.index = self.applied;
        metadata.term = term;
        metadata.set_conf_state(self.conf_state.clone());
        Ok(snapshot)
    }
}

/// Place of `index` in the entries after `base`.
fn offset(base: u64, index: u64) -> usize {
    usize::try_from(index - base - 1).expect("the log in memory has fewer entries than the address space")
}
