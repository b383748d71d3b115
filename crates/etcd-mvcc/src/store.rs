//! The handle for readers.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use etcd_proto::etcdserverpb::{RangeRequest, RangeResponse, TxnRequest, TxnResponse};
use etcd_storage::Storage;
use parking_lot::Mutex;

use crate::compactor;
use crate::hash::Hashes;
use crate::index::{Index, Span};
use crate::pins::{Pin, Pins};
use crate::queue::Queue;
use crate::restore::{self, Restored};
use crate::stats::{self, Counters};
use crate::view::View;
use crate::{HashKv, Listener, OpenError, RangeError, Stats, Writer, hash, txn};

/// How often a read that missed something, because the newest revision moved on under it, looks again.
const MAX_ATTEMPTS: usize = 50;

/// After how many of these attempts it waits a little before each.
const QUICK_ATTEMPTS: usize = 3;

/// How long it waits then.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(1);

/// Settings of a [`Store`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// How many rows a compaction removes in one batch.
    pub compaction_batch_limit: usize,
    /// How long a compaction sleeps between batches.
    pub compaction_sleep_interval: Duration,
    /// How long a compaction waits for readers of older revisions; after that their reads fail as compacted.
    pub compaction_reader_wait: Duration,
}

/// The key space. Clones are handles to the same one.
///
/// When the last handle and the [`Writer`] are gone, the compaction thread stops; what it had not done is resumed when
/// the storage is opened again.
#[derive(Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

/// What readers, the writer and the compactor share.
pub(crate) struct Inner {
    pub(crate) storage: Storage,
    pub(crate) options: Options,
    pub(crate) index: Index,
    /// The newest revision that readers see; at least 1.
    pub(crate) current: AtomicI64,
    /// The newest compaction; -1 before the first.
    pub(crate) compacted: AtomicI64,
    /// Below this, versions may be gone: it follows `compacted` when the readers below have left.
    pub(crate) trimmed: AtomicI64,
    pub(crate) pins: Pins,
    pub(crate) queue: Queue,
    pub(crate) hashes: Hashes,
    pub(crate) counters: Counters,
    /// Whether events carry the previous version.
    pub(crate) keep_previous: AtomicBool,
    /// What the last load found, until it is taken.
    pub(crate) leases: Mutex<Vec<(Bytes, i64)>>,
    pub(crate) listener: OnceLock<Box<dyn Listener>>,
}

struct Handle {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Default for Options {
    /// etcd's settings.
    fn default() -> Self {
        Self {
            compaction_batch_limit: 1000,
            compaction_sleep_interval: Duration::from_millis(10),
            compaction_reader_wait: Duration::from_secs(30),
        }
    }
}

impl Store {
    /// Loads the index from `storage` and resumes a compaction that was interrupted. There is one [`Writer`], and
    /// nobody else may write the buckets `key` and `meta` keys `scheduledCompactRev` and `finishedCompactRev`.
    ///
    /// # Errors
    /// A row could not be read or is not one of ours.
    pub fn open(storage: Storage, options: Options) -> Result<(Self, Writer), OpenError> {
        let inner = Arc::new(Inner {
            storage,
            options,
            index: Index::default(),
            current: AtomicI64::new(1),
            compacted: AtomicI64::new(-1),
            trimmed: AtomicI64::new(-1),
            pins: Pins::default(),
            queue: Queue::default(),
            hashes: Hashes::default(),
            counters: Counters::default(),
            keep_previous: AtomicBool::new(false),
            leases: Mutex::default(),
            listener: OnceLock::new(),
        });
        inner.load()?;
        let thread = std::thread::Builder::new()
            .name("mvcc-compact".into())
            .spawn({
                let inner = Arc::clone(&inner);
                move || compactor::run(&inner)
            })
            .map_err(OpenError::Thread)?;
        let store = Self { handle: Arc::new(Handle { inner, thread: Mutex::new(Some(thread)) }) };
        Ok((store.clone(), Writer::new(store)))
    }

    /// The newest revision; 1 for an empty store, and every transaction that changes keys adds 1.
    pub fn revision(&self) -> i64 {
        self.inner().current()
    }

    /// The revision of the newest compaction, -1 before the first: reads below it are refused.
    pub fn compact_revision(&self) -> i64 {
        self.inner().compacted()
    }

    /// Reads keys, and returns the store's revision at that moment.
    ///
    /// Every option is served but `serializable`, which is about when to ask. The header carries that revision only.
    /// With `keys_only` (unless sorted by value) the answer comes from the index, and carries no lease.
    ///
    /// # Errors
    /// The revision asked for is compacted or not there yet, or the storage could not be read.
    ///
    /// # Source
    /// etcd 3.7 `server/etcdserver/txn/range.go` executeRange.
    pub fn range(&self, request: &RangeRequest) -> Result<(RangeResponse, i64), RangeError> {
        let response = self.read(request, |view| view.range(request))?;
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        Ok((response, revision))
    }

    /// Runs a transaction that changes nothing, and returns the store's revision at that moment.
    ///
    /// # Errors
    /// A read in the branch that is taken asks for a revision that is compacted or not there yet, or the storage could
    /// not be read.
    ///
    /// # Panics
    /// A branch that is taken has a put or a delete: the caller has to ask [`crate::is_read_only`] first.
    pub fn read_txn(&self, request: &TxnRequest) -> Result<(TxnResponse, i64), RangeError> {
        let whole = RangeRequest { range_end: "\0".into(), ..RangeRequest::default() };
        let response = self.read(&whole, |view| txn::read(view, request))?;
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        Ok((response, revision))
    }

    /// The hash of all rows up to `revision`, 0 for the newest: equal on members with the same history and compaction,
    /// and equal to what Go etcd 3.4 to 3.7 answers.
    ///
    /// # Errors
    /// The revision is compacted or not there yet, or the storage could not be read.
    pub fn hash_kv(&self, revision: i64) -> Result<HashKv, RangeError> {
        hash::hash_kv(self.inner(), revision)
    }

    /// The hashes that the last compactions left, by ascending revision: what [`Store::hash_kv`] still knows of those.
    pub fn compaction_hashes(&self) -> Vec<HashKv> {
        self.inner().hashes.all()
    }

    /// Loads everything anew, after the storage was given another database. No [`crate::WriteTxn`] may be open.
    ///
    /// # Errors
    /// A row could not be read or is not one of ours; the store is as it was.
    pub fn reload(&self) -> Result<(), OpenError> {
        self.inner().load()?;
        if let Some(listener) = self.inner().listener.get() {
            listener.reloaded();
        }
        Ok(())
    }

    /// The living keys that had a lease when the store was opened or reloaded, and which; to be had once.
    ///
    /// The store keeps leases as numbers in its pairs. What they mean is for the caller to know.
    pub fn take_leases(&self) -> Vec<(Bytes, i64)> {
        std::mem::take(&mut *self.inner().leases.lock())
    }

    /// Whether events shall carry the version that they replace, from the next transaction on. Costs a read for each.
    pub fn keep_previous(&self, keep: bool) {
        self.inner().keep_previous.store(keep, Ordering::Relaxed);
    }

    /// What was counted.
    pub fn stats(&self) -> Stats {
        let inner = self.inner();
        inner.counters.read(inner.index.live())
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.handle.inner
    }

    /// Reads at the current revision, or at the one that the request names, protected from compactions.
    fn read<T>(
        &self,
        request: &RangeRequest,
        read: impl Fn(&View<'_>) -> Result<T, RangeError>,
    ) -> Result<T, RangeError> {
        let inner = self.inner();
        stats::add(&inner.counters.ranges, 1);
        let is_one_key = matches!(Span::new(&request.key, &request.range_end), Span::Key(_));
        let mut attempts = 0;
        loop {
            // A single key is read in two steps that rarely miss each other: no pin, but another look if they do.
            let (view, _pin) = if is_one_key {
                (View::new(inner, inner.current(), &[]), None)
            } else {
                let (view, pin) = inner.pinned(request.revision);
                (view, Some(pin))
            };
            let result = read(&view);
            attempts += 1;
            if !matches!(result, Err(RangeError::Missing { .. })) || attempts == MAX_ATTEMPTS {
                return result;
            }
            if attempts > QUICK_ATTEMPTS {
                std::thread::sleep(ATTEMPT_PAUSE);
            }
        }
    }
}

impl Inner {
    pub(crate) fn current(&self) -> i64 {
        self.current.load(Ordering::SeqCst)
    }

    pub(crate) fn compacted(&self) -> i64 {
        self.compacted.load(Ordering::SeqCst)
    }

    /// A view of the current revision, and a pin on the revision that is read.
    ///
    /// The compactor publishes a compaction before it looks at the pins, and the view checks for a compaction after it
    /// is pinned: one of the two always sees the other.
    pub(crate) fn pinned(&self, requested: i64) -> (View<'_>, Pin<'_>) {
        loop {
            let current = self.current();
            let revision = if requested > 0 { requested } else { current };
            let pin = self.pins.pin(revision);
            if requested > 0 || revision >= self.compacted() {
                return (View::new(self, current, &[]), pin);
            }
            drop(pin);
            std::thread::yield_now();
        }
    }

    pub(crate) fn trimmed(&self) -> i64 {
        self.trimmed.load(Ordering::SeqCst)
    }

    fn load(&self) -> Result<(), OpenError> {
        // Held to the end: no compaction of the old rows runs into the new ones.
        let jobs = self.queue.pause();
        let Restored { tree, current, finished, scheduled, leases } = restore::restore(&self.storage)?;
        // Readers check `trimmed` after they looked into the index, and read `current` before: in this order they
        // never take a part for the whole.
        let compacted = scheduled.max(finished);
        self.trimmed.store(compacted, Ordering::SeqCst);
        self.compacted.store(compacted, Ordering::SeqCst);
        let old = self.index.replace(tree);
        self.current.store(current, Ordering::SeqCst);
        drop(old);
        *self.leases.lock() = leases;
        self.hashes.clear();
        jobs.restart(finished, (scheduled > finished).then_some(scheduled));
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.queue.stop();
        if let Some(thread) = self.thread.lock().take()
            // The last handle may go in a callback, on that very thread.
            && thread.thread().id() != std::thread::current().id()
        {
            // A compactor that panicked has been reported by the panic.
            let _ = thread.join();
        }
    }
}
