//! Writing: one transaction for each entry of the log.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use etcd_proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
    TxnRequest, TxnResponse,
};
use etcd_proto::mvccpb::event::EventType;
use etcd_proto::mvccpb::{Event, KeyValue};
use etcd_storage::{Batch, Bucket};

use crate::index::Span;
use crate::range::header;
use crate::restore::{SCHEDULED, compaction_row};
use crate::revision::{Change, Revision};
use crate::store::Inner;
use crate::view::View;
use crate::{CommitError, CompactError, Compaction, RangeError, Store, WriteError, stats, txn};

/// The only way to change a [`Store`]. Owned by the thread that applies the log.
pub struct Writer {
    store: Store,
}

/// The changes of one log entry. They are visible to its own reads, and to others when it commits.
///
/// Dropping it takes everything back.
pub struct WriteTxn<'a> {
    inner: &'a Inner,
    batch: Batch,
    /// What was done so far; the position is the sub revision.
    events: Vec<Event>,
    compaction: Option<Compaction>,
    keep_previous: bool,
    is_committed: bool,
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// The store's revision after it: one more than before if it changed any key.
    pub revision: i64,
    /// Its changes, in order. The pair of a delete has the key and the revision only. The previous pair is there if
    /// [`Store::keep_previous`] asked for it and the key existed.
    pub events: Vec<Event>,
}

impl Writer {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The store it writes.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Begins the transaction of the log entry at `mark`, which is stored with it.
    pub fn begin(&mut self, mark: u64) -> WriteTxn<'_> {
        let inner = self.store.inner();
        WriteTxn {
            inner,
            batch: Batch::new(mark),
            events: Vec::new(),
            compaction: None,
            keep_previous: inner.keep_previous.load(Ordering::Relaxed),
            is_committed: false,
        }
    }
}

impl WriteTxn<'_> {
    /// Puts a pair. Whether the lease exists is for the caller to check.
    ///
    /// # Errors
    /// Nothing was changed. [`WriteError::KeyNotFound`] if the old value or lease shall be kept and there is none.
    pub fn put(&mut self, request: &PutRequest) -> Result<PutResponse, WriteError> {
        let view = self.view();
        txn::check_put(&view, request)?;
        let needs_old = request.ignore_value || request.ignore_lease || request.prev_kv || self.keep_previous;
        let old = if needs_old { view.latest(&request.key)? } else { None };
        let (mut value, mut lease) = (&request.value, request.lease);
        if let Some(old) = &old {
            if request.ignore_value {
                value = &old.value;
            }
            if request.ignore_lease {
                lease = old.lease;
            }
        }
        let revision = self.next();
        let version = self.inner.index.put(&request.key, revision);
        let pair = KeyValue {
            key: request.key.clone(),
            create_revision: version.created,
            mod_revision: revision.main,
            version: version.version,
            value: value.clone(),
            lease,
        };
        let (row_key, row) = Change::new(revision, false).row(&pair);
        self.batch.put(Bucket::KEY, row_key, row);
        let prev_kv = if request.prev_kv { old.clone() } else { None };
        self.record(EventType::Put, pair, old);
        Ok(PutResponse { header: Some(header(revision.main)), prev_kv })
    }

    /// Deletes the keys of a range, and counts them.
    ///
    /// # Errors
    /// Nothing was changed: the previous pairs could not be read.
    pub fn delete_range(&mut self, request: &DeleteRangeRequest) -> Result<DeleteRangeResponse, WriteError> {
        let view = self.view();
        let span = Span::new(&request.key, &request.range_end);
        let with_old = request.prev_kv || self.keep_previous;
        let pairs = if with_old {
            view.pairs(span, view.revision, 0)?.0
        } else {
            view.keys(span, view.revision, 0).0
        };
        for pair in &pairs {
            self.delete(pair.key.clone(), with_old.then(|| pair.clone()));
        }
        Ok(DeleteRangeResponse {
            header: Some(header(self.revision())),
            deleted: i64::try_from(pairs.len()).unwrap_or(i64::MAX),
            prev_kvs: if request.prev_kv { pairs } else { Vec::new() },
        })
    }

    /// Runs a transaction: decides every compare, checks every operation that will run, and only then runs them.
    /// `has_lease` tells whether a lease that a put names exists.
    ///
    /// # Errors
    /// Nothing was changed: a read asks for a revision that is not there, or a put for an old pair or a lease that is
    /// not there.
    ///
    /// # Source
    /// etcd `server/etcdserver/txn/txn.go`.
    pub fn txn(
        &mut self,
        request: &TxnRequest,
        has_lease: &dyn Fn(i64) -> bool,
    ) -> Result<TxnResponse, WriteError> {
        let mut path = txn::Path::new();
        let view = self.view();
        txn::decide(&view, request, &mut path)?;
        txn::check(&view, request, &mut path.iter().copied(), has_lease)?;
        let (events, ops) = (self.events.len(), self.batch.len());
        match txn::run(self, request, &mut path.into_iter()) {
            Ok(mut response) => {
                response.header = Some(header(self.revision()));
                Ok(response)
            }
            Err(error) => {
                self.undo(events);
                self.batch.truncate(ops);
                Err(error)
            }
        }
    }

    /// Reads, with the changes that were made so far.
    ///
    /// # Errors
    /// As [`Store::range`].
    pub fn range(&mut self, request: &RangeRequest) -> Result<RangeResponse, RangeError> {
        stats::add(&self.inner.counters.ranges, 1);
        self.view().range(request)
    }

    /// Schedules a compaction: from the commit on, reads below `revision` are refused; rows are removed afterwards, in
    /// the background.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn compact(&mut self, revision: i64) -> Result<Compaction, CompactError> {
        let compacted = match &self.compaction {
            Some(compaction) => compaction.revision(),
            None => self.inner.compacted(),
        };
        if revision <= compacted {
            return Err(CompactError::Compacted);
        }
        if revision > self.inner.current() {
            return Err(CompactError::FutureRevision);
        }
        let compaction = Compaction::new(revision);
        self.batch.put(Bucket::META, SCHEDULED, compaction_row(revision));
        self.compaction = Some(compaction.clone());
        Ok(compaction)
    }

    /// What else the entry changes in the storage, atomically with the rest.
    pub fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// The store's revision as this transaction sees it: the next one as soon as it has changed a key.
    pub fn revision(&self) -> i64 {
        self.inner.current() + i64::from(!self.events.is_empty())
    }

    /// What was done so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Writes everything to the storage, then shows it to readers.
    ///
    /// # Errors
    /// The storage stopped; nothing was changed.
    pub fn commit(mut self) -> Result<Committed, CommitError> {
        let inner = self.inner;
        let revision = self.revision();
        let batch = std::mem::take(&mut self.batch);
        inner.storage.write(batch).map_err(|source| CommitError { revision, source })?;
        self.is_committed = true;
        let events = std::mem::take(&mut self.events);
        if !events.is_empty() {
            inner.current.store(revision, Ordering::SeqCst);
            count(inner, &events);
            if let Some(listener) = inner.listener.get() {
                listener.committed(revision, &events);
            }
        }
        if let Some(compaction) = self.compaction.take() {
            inner.compacted.store(compaction.revision(), Ordering::SeqCst);
            inner.queue.push(compaction);
        }
        Ok(Committed { revision, events })
    }

    fn delete(&mut self, key: Bytes, old: Option<KeyValue>) {
        let revision = self.next();
        if !self.inner.index.tombstone(&key, revision) {
            return;
        }
        let stored = KeyValue { key: key.clone(), ..KeyValue::default() };
        let (row_key, row) = Change::new(revision, true).row(&stored);
        self.batch.put(Bucket::KEY, row_key, row);
        let pair = KeyValue { key, mod_revision: revision.main, ..KeyValue::default() };
        self.record(EventType::Delete, pair, old);
    }

    fn record(&mut self, kind: EventType, pair: KeyValue, old: Option<KeyValue>) {
        let prev_kv = if self.keep_previous { old } else { None };
        self.events.push(Event { r#type: kind as i32, kv: Some(pair), prev_kv });
    }

    /// The revision of the next change.
    fn next(&self) -> Revision {
        let sub = u32::try_from(self.events.len()).expect("a transaction has fewer than 2^32 changes");
        Revision { main: self.inner.current() + 1, sub }
    }

    fn view(&self) -> View<'_> {
        View::new(self.inner, self.revision(), &self.events)
    }

    /// Takes back every change after the first `keep`.
    fn undo(&mut self, keep: usize) {
        for event in self.events.drain(keep..).rev() {
            if let Some(pair) = event.kv {
                self.inner.index.undo(&pair.key);
            }
        }
    }
}

impl Drop for WriteTxn<'_> {
    fn drop(&mut self) {
        if !self.is_committed {
            self.undo(0);
        }
    }
}

fn count(inner: &Inner, events: &[Event]) {
    let counters = &inner.counters;
    let (mut puts, mut bytes) = (0, 0);
    for event in events {
        if event.r#type == EventType::Put as i32 {
            puts += 1;
            bytes += event.kv.as_ref().map_or(0, |pair| pair.key.len() + pair.value.len());
        }
    }
    stats::add(&counters.puts, puts);
    stats::add(&counters.put_bytes, bytes);
    stats::add(&counters.deletes, events.len() - puts);
    stats::add(&counters.events, events.len());
    stats::add(&counters.txns, usize::from(events.len() > 1));
}
