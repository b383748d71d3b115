//! The changes of the past, in the order in which they were made.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use etcd_proto::mvccpb::event::EventType;
use etcd_proto::mvccpb::{Event, KeyValue};
use etcd_proto::prost::Message as _;
use etcd_storage::Bucket;

use crate::restore::Head;
use crate::revision::{Change, Revision};
use crate::store::Inner;
use crate::{RangeError, Store};

/// How many revisions are looked at first; more at a time where there are none, as after a compaction.
const FIRST_WINDOW: i64 = 256;

/// How many revisions are looked at in one go at most.
const MAX_WINDOW: i64 = 1 << 20;

/// A part of the history.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The changes that were wanted, in order, always all of a revision. The pair of a delete has the key and the
    /// revision only; no event has a previous pair.
    pub events: Vec<Event>,
    /// The first revision that was not looked at: above the store's revision when everything was.
    pub next: i64,
}

/// How much of the history is read in one go. A revision is read to its end, whatever the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimit {
    /// Changes looked at.
    pub rows: usize,
    /// Bytes of the changes that are wanted.
    pub bytes: usize,
}

impl Store {
    /// Reads the changes from revision `from` on whose keys are `wanted`, up to a limit.
    ///
    /// # Errors
    /// [`RangeError::Compacted`] if changes at or above `from` may be gone; otherwise the storage could not be read.
    pub fn history(
        &self,
        from: i64,
        limit: HistoryLimit,
        wanted: impl FnMut(&[u8]) -> bool,
    ) -> Result<History, RangeError> {
        let inner = self.inner();
        let from = from.max(1);
        // The pin holds off a compaction that comes now; one that came before is seen after it.
        let (view, _pin) = inner.pinned(from);
        if from < inner.compacted() {
            return Err(RangeError::Compacted);
        }
        let mut reader = Reader { limit, wanted, rows: 0, bytes: 0, last: 0, events: Vec::new() };
        let next = reader.read(inner, from, view.revision)?;
        if from < inner.trimmed() {
            return Err(RangeError::Compacted);
        }
        Ok(History { events: reader.events, next })
    }
}

struct Reader<F> {
    limit: HistoryLimit,
    wanted: F,
    rows: usize,
    bytes: usize,
    /// The revision of the last row.
    last: i64,
    events: Vec<Event>,
}

impl<F: FnMut(&[u8]) -> bool> Reader<F> {
    /// Reads from `from` to `current`, and returns the first revision that is left.
    fn read(&mut self, inner: &Inner, from: i64, current: i64) -> Result<i64, RangeError> {
        let mut start = from;
        let mut window = FIRST_WINDOW;
        while start <= current {
            let end = start.saturating_add(window).min(current + 1);
            let before = self.rows;
            if let Some(left) = self.read_window(inner, start, end)? {
                return Ok(left);
            }
            window = if self.rows == before { (window * 8).min(MAX_WINDOW) } else { FIRST_WINDOW };
            start = end;
            if self.is_full() {
                break;
            }
        }
        Ok(start)
    }

    /// Reads revisions below `end`; returns the revision before which the limit was reached.
    fn read_window(&mut self, inner: &Inner, start: i64, end: i64) -> Result<Option<i64>, RangeError> {
        let row_key = |main| Revision { main, sub: 0 }.row_key();
        let (first, end) = (row_key(start), row_key(end));
        let mut left = None;
        let mut damaged = None;
        inner.storage.range(Bucket::KEY, Bound::Included(&first), Bound::Excluded(&end), |key, row| {
            let Some(change) = Change::from_row_key(key) else { return ControlFlow::Continue(()) };
            if change.main != self.last && self.is_full() {
                left = Some(change.main);
                return ControlFlow::Break(());
            }
            self.last = change.main;
            self.rows += 1;
            if self.take(change, row).is_none() {
                damaged = Some(change.revision());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        match damaged {
            Some(Revision { main, sub }) => Err(RangeError::Damaged { main, sub }),
            None => Ok(left),
        }
    }

    fn take(&mut self, change: Change, row: &[u8]) -> Option<()> {
        let head = Head::read(row)?;
        if !(self.wanted)(head.key) {
            return Some(());
        }
        self.bytes += row.len();
        let event = if change.tombstone {
            let key = Bytes::copy_from_slice(head.key);
            let pair = KeyValue { key, mod_revision: change.main, ..KeyValue::default() };
            Event { r#type: EventType::Delete as i32, kv: Some(pair), prev_kv: None }
        } else {
            let pair = KeyValue::decode(Bytes::copy_from_slice(row)).ok()?;
            Event { r#type: EventType::Put as i32, kv: Some(pair), prev_kv: None }
        };
        self.events.push(event);
        Some(())
    }

    fn is_full(&self) -> bool {
        self.rows >= self.limit.rows || self.bytes >= self.limit.bytes
    }
}
