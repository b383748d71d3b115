//! Compaction: the removal of versions that nobody may read any more.

use std::ops::{Bound, ControlFlow};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use etcd_storage::{Batch, Bucket};
use tracing::{info, warn};

use crate::hash::Hasher;
use crate::queue::Job;
use crate::restore::{FINISHED, compaction_row};
use crate::revision::Change;
use crate::store::Inner;
use crate::{Compaction, HashKv, RangeError, stats};

/// How many rows are looked at in one batch, as a multiple of the limit on removals.
const SCAN_FACTOR: usize = 10;

/// How long a wait for readers goes on before it looks whether to stop.
const POLL: Duration = Duration::from_millis(100);

/// A compaction stopped before its end.
enum Stopped {
    /// The process ends, or the store was loaded anew.
    Interrupted,
    Read(RangeError),
    Write(etcd_storage::WriteError),
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
    inner.queue.abandon();
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
        drop(inner.queue.step(job.epoch).ok_or(Stopped::Interrupted)?);
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
        let work = inner.queue.step(job.epoch).ok_or(Stopped::Interrupted)?;
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
        let work = inner.queue.step(job.epoch).ok_or(Stopped::Interrupted)?;
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
            inner.queue.finish(job.revision);
            return Ok(hasher.finish());
        }
        drop(work);
        last = newest.or(last);
        inner.queue.sleep(inner.options.compaction_sleep_interval);
    }
}
