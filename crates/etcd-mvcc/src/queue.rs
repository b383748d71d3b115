//! Which compactions are to be done, and the lock that keeps them out while the store is loaded.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::Compaction;

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
pub(crate) struct Job {
    pub(crate) compactions: Vec<Compaction>,
    pub(crate) revision: i64,
    /// The compaction before it.
    pub(crate) previous: i64,
    pub(crate) epoch: u64,
    /// Every row since the previous compaction is still there, so that their hash means something.
    pub(crate) is_whole: bool,
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
    pub(crate) fn next(&self) -> Option<Job> {
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

    /// Takes the right to do one step of a job of `epoch`; none if it has to stop.
    pub(crate) fn step(&self, epoch: u64) -> Option<MutexGuard<'_, ()>> {
        let work = self.work.lock();
        let jobs = self.jobs.lock();
        (!jobs.stop && jobs.epoch == epoch).then_some(work)
    }

    /// Sleeps, unless it is time to stop.
    pub(crate) fn sleep(&self, time: Duration) {
        let mut jobs = self.jobs.lock();
        if !jobs.stop {
            self.changed.wait_for(&mut jobs, time);
        }
    }

    /// Notes that everything up to `revision` is done.
    pub(crate) fn finish(&self, revision: i64) {
        self.jobs.lock().finished = revision;
    }

    /// Gives up what is still waiting.
    pub(crate) fn abandon(&self) {
        let waiting: Vec<Compaction> = self.jobs.lock().waiting.drain(..).collect();
        waiting.iter().for_each(Compaction::end);
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
