//! What the key space counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Totals since the store was opened, and the number of keys now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Keys that live.
    pub keys: u64,
    /// Ranges served, those in transactions included.
    pub ranges: u64,
    /// Keys put.
    pub puts: u64,
    /// Keys deleted.
    pub deletes: u64,
    /// Transactions with more than one change.
    pub txns: u64,
    /// Events committed.
    pub events: u64,
    /// Bytes of the keys and values put.
    pub put_bytes: u64,
    /// Rows removed by compaction.
    pub compacted: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) ranges: AtomicU64,
    pub(crate) puts: AtomicU64,
    pub(crate) deletes: AtomicU64,
    pub(crate) txns: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) put_bytes: AtomicU64,
    pub(crate) compacted: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self, keys: u64) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            keys,
            ranges: get(&self.ranges),
            puts: get(&self.puts),
            deletes: get(&self.deletes),
            txns: get(&self.txns),
            events: get(&self.events),
            put_bytes: get(&self.put_bytes),
            compacted: get(&self.compacted),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(amount as u64, Ordering::Relaxed);
}
