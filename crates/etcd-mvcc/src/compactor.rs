//! Compaction: the removal of versions that nobody may read any more.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use etcd_storage::{Batch, Bucket};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tracing::{info, warn};

use crate::hash::Hasher;
use crate::restore::{FINISHED, compaction_row};
use crate::revision::Change;
use crate::stats;
use crate::store::Inner;
use crate::{HashKv, RangeError};

/// How many rows are looked at in one batch, as a multiple of the limit on removals.
const SCAN_FACTOR: usize = 10;

/// How long a wait for readers or for the next batch goes on before it looks whether to stop.
const POLL: Duration = Duration::from_millis(100);

/// A compaction under way; clones are the same one.
#[derive(Clone)]
pub struct Compaction {
    shared: Arc<Shared>,
}

struct Shared {
    revision: i64,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    is_ended: bool,
    callbacks: Vec<Box<dyn FnOnce() + Send>>,
}

/// The compactions to do, and the lock that keeps them out.
#[derive(Default)]
pub(crate) struct Queue {
    /// Held for each step of a compaction.
    work: Mutex<()>,
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Compaction>,
    /// The newest compaction that has ended; meaningful once loaded.
    finished: i64,
    /// Grows whenever the store is loaded anew: a job of an older epoch stops.
    epoch: u64,
    /// The first job of this epoch was begun before, by another process.
    is_resumed: bool,
    stop: bool,
}

/// Keeps compactions out while it lives.
pub(crate) struct Paused<'a> {
    queue: &'a Queue,
    _work: MutexGuard<'a, ()>,
}

/// One compaction, possibly standing for several that were waiting.
struct Job {
    compactions: Vec<Compaction>,
    revision: i64,
    previous: i64,
    epoch: u64,
    /// Every row since the previous compaction is still there, so that their hash means something.
    is_whole: bool,
}

/// A compaction stopped before its end.
enum Stopped {
    /// The process ends, or the store was loaded anew.
    Interrupted,
    Read(RangeError),
    Write(etcd_storage::WriteError),
}

impl Compaction {
    pub(crate) fn new(revision: i64) -> Self {
        Self { shared: Arc::new(Shared { revision, state: Mutex::default(), ended: Condvar::new() }) }
    }

    /// Reads below this revision are refused.
    pub fn revision(&self) -> i64 {
        self.shared.revision
    }

    /// Waits until the rows are removed, but no longer than `limit`. Returns whether they are.
    ///
    /// A compaction that was cut off, because the store was loaded anew or closed, counts as ended: it is taken up again
    /// when the storage says so.
    pub fn wait(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.state.lock();
        while !state.is_ended {
            if self.shared.ended.wait_until(&mut state, deadline).timed_out() {
                return state.is_ended;
            }
        }
        true
    }

    /// Calls `callback` when the rows are removed: on the compaction thread, or here if they already are.
    pub fn on_end(&self, callback: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state.lock();
        if state.is_ended {
            drop(state);
            callback();
        } else {
            state.callbacks.push(Box::new(callback));
        }
    }

    fn end(&self) {
        let mut state = self.shared.state.lock();
        state.is_ended = true;
        let callbacks = std::mem::take(&mut state.callbacks);
        drop(state);
        self.shared.ended.notify_all();
        for callback in callbacks {
            callback();
        }
    }
}

impl fmt::Debug for Compaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compaction").field("revision", &self.shared.revision).finish_non_exhaustive()
    }
}

impl Queue {
    pub(crate) fn push(&self, compaction: Compaction) {
        self.jobs.lock().waiting.push_back(compaction);
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.jobs.lock().stop = true;
        self.changed.notify_all();
    }

    pub(crate) fn pause(&self) -> Paused<'_> {
        Paused { queue: self, _work: self.work.lock() }
    }

    /// Waits for the next job; none means stop. Compactions that have piled up become one.
    fn next(&self) -> Option<Job> {
        let mut jobs = self.jobs.lock();
        loop {
            if jobs.stop {
                return None;
            }
            let compactions: Vec<Compaction> = jobs.waiting.drain(..).collect();
            if let Some(revision) = compactions.last().map(Compaction::revision) {
                let is_resumed = std::mem::take(&mut jobs.is_resumed);
                let is_whole = compactions.len() == 1 && !is_resumed;
                return Some(Job {
                    compactions,
                    revision,
                    previous: jobs.finished,
                    epoch: jobs.epoch,
                    is_whole,
                });
            }
            self.changed.wait(&mut jobs);
        }
    }

    /// Takes the right to do one step of a job of `epoch`.
    fn step(&self, epoch: u64) -> Result<MutexGuard<'_, ()>, Stopped> {
        let work = self.work.lock();
        let jobs = self.jobs.lock();
        if jobs.stop || jobs.epoch != epoch { Err(Stopped::Interrupted) } else { Ok(work) }
    }

    /// Sleeps, unless it is time to stop.
    fn sleep(&self, time: Duration) {
        let mut jobs = self.jobs.lock();
        if !jobs.stop {
            self.changed.wait_for(&mut jobs, time);
        }
    }
}

impl Paused<'_> {
    /// Forgets every job, and begins anew after the compaction `finished`, with the one that has yet to be done.
    pub(crate) fn restart(&self, finished: i64, unfinished: Option<i64>) {
        let mut jobs = self.queue.jobs.lock();
        let forgotten: Vec<Compaction> = jobs.waiting.drain(..).collect();
        jobs.epoch += 1;
        jobs.finished = finished;
        jobs.is_resumed = unfinished.is_some();
        jobs.waiting.extend(unfinished.map(Compaction::new));
        drop(jobs);
        self.queue.changed.notify_all();
        forgotten.iter().for_each(Compaction::end);
    }
}

/// Does compactions until told to stop.
pub(crate) fn run(inner: &Inner) {
    while let Some(job) = inner.queue.next() {
        match compact(inner, &job) {
            Ok(()) | Err(Stopped::Interrupted) => {}
            Err(Stopped::Read(error)) => {
                warn!(revision = job.revision, %error, "compaction failed, will be taken up after a restart");
            }
            Err(Stopped::Write(error)) => {
                warn!(revision = job.revision, %error, "compaction failed, will be taken up after a restart");
            }
        }
        job.compactions.iter().for_each(Compaction::end);
    }
    for compaction in inner.queue.jobs.lock().waiting.drain(..).collect::<Vec<_>>() {
        compaction.end();
    }
}

fn compact(inner: &Inner, job: &Job) -> Result<(), Stopped> {
    let started = Instant::now();
    wait_for_readers(inner, job)?;
    let (dropped, any_kept) = trim_index(inner, job)?;
    let removed = dropped.len();
    let hash = remove_rows(inner, job, &dropped, any_kept)?;
    if job.is_whole {
        inner.hashes.store(hash);
    }
    stats::add(&inner.counters.compacted, removed);
    let took_ms = started.elapsed().as_millis();
    info!(revision = job.revision, removed, took_ms, hash = hash.hash, "finished compaction");
    Ok(())
}

fn wait_for_readers(inner: &Inner, job: &Job) -> Result<(), Stopped> {
    let deadline = Instant::now() + inner.options.compaction_reader_wait;
    while !inner.pins.wait_below(job.revision, POLL) {
        drop(inner.queue.step(job.epoch)?);
        if Instant::now() >= deadline {
            warn!(revision = job.revision, "compaction cuts off readers of older revisions");
            break;
        }
    }
    Ok(())
}

/// Drops old versions from the index. Returns them in the order of their rows, and whether any version at or below the
/// compaction stays.
fn trim_index(inner: &Inner, job: &Job) -> Result<(Vec<Change>, bool), Stopped> {
    let mut dropped = Vec::new();
    let mut any_kept = false;
    let mut last: Option<Box<[u8]>> = None;
    loop {
        let work = inner.queue.step(job.epoch)?;
        inner.trimmed.fetch_max(job.revision, Ordering::SeqCst);
        let (next, kept) = inner.index.compact_chunk(last.as_deref(), job.revision, &mut dropped);
        drop(work);
        any_kept |= kept;
        if next.is_none() {
            break;
        }
        last = next;
    }
    dropped.sort_unstable();
    Ok((dropped, any_kept))
}

/// Removes the rows of `dropped`, and hashes every row up to the compaction as it was before.
fn remove_rows(inner: &Inner, job: &Job, dropped: &[Change], any_kept: bool) -> Result<HashKv, Stopped> {
    let mut hasher = Hasher::new(job.previous, job.revision);
    let mut dropped = dropped.iter().copied().peekable();
    let end = (job.revision + 1).to_be_bytes();
    let limit = inner.options.compaction_batch_limit.max(1);
    let mut last: Option<Vec<u8>> = None;
    loop {
        let work = inner.queue.step(job.epoch)?;
        let mut batch = Batch::new(0);
        let mut scanned = 0;
        let mut is_complete = true;
        let start = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut newest = None;
        let visit = |key: &[u8], value: &[u8]| {
            if scanned >= limit.saturating_mul(SCAN_FACTOR) || batch.len() >= limit {
                is_complete = false;
                return ControlFlow::Break(());
            }
            scanned += 1;
            if let Some(row) = Change::from_row_key(key) {
                while dropped.next_if(|change| *change < row).is_some() {}
                let is_dropped = dropped.next_if_eq(&row).is_some();
                if is_dropped {
                    batch.delete(Bucket::KEY, row.row_key());
                }
                hasher.row(row, key, value, !is_dropped || !any_kept);
            }
            newest = Some(key.to_vec());
            ControlFlow::Continue(())
        };
        let read = inner.storage.range(Bucket::KEY, start, Bound::Excluded(&end), visit);
        read.map_err(|error| Stopped::Read(error.into()))?;
        if is_complete {
            batch.put(Bucket::META, FINISHED, compaction_row(job.revision));
        }
        inner.storage.write(batch).map_err(Stopped::Write)?;
        if is_complete {
            inner.queue.jobs.lock().finished = job.revision;
            return Ok(hasher.finish());
        }
        drop(work);
        last = newest.or(last);
        inner.queue.sleep(inner.options.compaction_sleep_interval);
    }
}
