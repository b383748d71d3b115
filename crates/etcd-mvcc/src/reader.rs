//! One range, read as slowly as its receiver takes it.

use std::cell::RefCell;
use std::ops::ControlFlow;

use bytes::Bytes;
use etcd_proto::etcdserverpb::RangeRequest;
use etcd_proto::prost::Message as _;
use etcd_storage::Bucket;

use crate::index::{CHUNK_KEYS, Span};
use crate::range::{has_filter, is_key_order};
use crate::restore::Head;
use crate::revision::{ROW_KEY_BYTES, Revision};
use crate::view::View;
use crate::{RangeError, Store, stats};

/// Rows that are looked up together.
const ROWS_AT_ONCE: usize = 32;

/// A range at one revision, in the order of its keys, that is never in memory as a whole.
///
/// A compaction waits for it, but not for ever: after [`crate::Options::compaction_reader_wait`] reading fails as
/// compacted. It can be read more than once.
pub struct RangeReader {
    store: Store,
    request: RangeRequest,
    /// The revision that is read.
    at: i64,
    /// The newest revision when it was opened.
    current: i64,
}

/// How far a reader has got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last key that was shown.
    pub after: Bytes,
    /// How many were shown.
    pub shown: usize,
}

/// What a range has beside its pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeEnd {
    /// Whether the limit left some out.
    pub more: bool,
    /// How many keys there are from where reading began, whatever the limit.
    pub count: i64,
}

impl Store {
    /// Opens the range of `request`; none if it has to be in memory as a whole, because it is sorted or filtered, or
    /// has no pairs to read.
    ///
    /// # Errors
    /// The revision asked for is compacted or not there yet.
    pub fn range_reader(&self, request: RangeRequest) -> Result<Option<RangeReader>, RangeError> {
        if !is_key_order(request.sort_target, request.sort_order)
            || has_filter(&request)
            || request.count_only
        {
            return Ok(None);
        }
        let inner = self.inner();
        let (view, pin) = inner.pinned(request.revision);
        let at = view.check(request.revision)?;
        let current = view.revision;
        stats::add(&inner.counters.ranges, 1);
        // The reader releases it.
        std::mem::forget(pin);
        Ok(Some(RangeReader { store: self.clone(), request, at, current }))
    }
}

impl RangeReader {
    /// The newest revision at the moment when it was opened, for the response header.
    pub fn revision(&self) -> i64 {
        self.current
    }

    /// Shows `visit` the pairs after `from`, each as it is encoded in a response, until it breaks.
    ///
    /// Returns where it broke, or what there is to say at the end.
    ///
    /// # Errors
    /// The range was compacted while it was read, or the storage could not be read.
    pub fn read(
        &self,
        from: &Progress,
        mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Result<RangeEnd, Progress>, RangeError> {
        let limit = usize::try_from(self.request.limit).ok().filter(|limit| *limit > 0);
        let view = View::new(self.store.inner(), self.current, &[]);
        let first = if from.shown == 0 { self.request.key.to_vec() } else { after(&from.after) };
        let span = match Span::new(&self.request.key, &self.request.range_end) {
            // A single key was shown, or it was not there.
            Span::Key(_) if from.shown > 0 => return Ok(Ok(RangeEnd { more: false, count: 0 })),
            Span::Key(key) => Span::Key(key),
            Span::Range(_, end) => Span::Range(&first, end),
        };
        let mut count = 0;
        let mut taken = from.shown;
        let mut progress = from.clone();
        let mut is_broken = false;
        // Filled under the lock of the index, read and emptied without it.
        let chunk: RefCell<Vec<Revision>> = RefCell::new(Vec::with_capacity(CHUNK_KEYS));
        self.store.inner().index.walk(
            span,
            |_, index| {
                let Some(revision) = index.modified_at(self.at) else { return };
                count += 1;
                if limit.is_none_or(|limit| taken < limit) {
                    taken += 1;
                    chunk.borrow_mut().push(revision);
                }
            },
            || {
                let flow = self.show(&view, &chunk.borrow(), &mut progress, &mut visit)?;
                chunk.borrow_mut().clear();
                is_broken = flow.is_break();
                Ok::<bool, RangeError>(!is_broken)
            },
        )?;
        if is_broken {
            return Ok(Err(progress));
        }
        view.check_whole(self.at).map_err(|_| RangeError::Compacted)?;
        let all = i64::try_from(from.shown).unwrap_or(i64::MAX).saturating_add(count);
        let more = limit.is_some_and(|limit| i64::try_from(limit).is_ok_and(|limit| all > limit));
        Ok(Ok(RangeEnd { more, count }))
    }

    fn show(
        &self,
        view: &View<'_>,
        revisions: &[Revision],
        progress: &mut Progress,
        visit: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, RangeError> {
        for revisions in revisions.chunks(ROWS_AT_ONCE) {
            let keys: Vec<[u8; ROW_KEY_BYTES]> =
                revisions.iter().map(|revision| revision.row_key()).collect();
            let mut at = revisions.iter();
            let mut outcome = Ok(ControlFlow::Continue(()));
            view.inner.storage.visit_many(Bucket::KEY, &keys, |row| {
                let revision = at.next().copied().unwrap_or(Revision { main: 0, sub: 0 });
                outcome = row
                    .ok_or(RangeError::Compacted)
                    .and_then(|row| self.show_row(revision, row, progress, visit));
                match outcome {
                    Ok(flow) => flow,
                    Err(_) => ControlFlow::Break(()),
                }
            })?;
            if outcome?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn show_row(
        &self,
        revision: Revision,
        row: &[u8],
        progress: &mut Progress,
        visit: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, RangeError> {
        let Revision { main, sub } = revision;
        let flow = if self.request.keys_only {
            let mut pair =
                etcd_proto::mvccpb::KeyValue::decode(row).map_err(|_| RangeError::Damaged { main, sub })?;
            pair.value = Bytes::new();
            // As from the index, which knows no leases.
            pair.lease = 0;
            visit(&pair.encode_to_vec())
        } else {
            visit(row)
        };
        progress.shown += 1;
        if flow.is_break() {
            let head = Head::read(row).ok_or(RangeError::Damaged { main, sub })?;
            progress.after = Bytes::copy_from_slice(head.key);
        }
        Ok(flow)
    }
}

impl Drop for RangeReader {
    fn drop(&mut self) {
        self.store.inner().pins.release(self.at);
    }
}

/// The first key after `key`.
fn after(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}
