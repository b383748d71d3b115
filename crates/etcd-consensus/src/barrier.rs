//! The read barrier: one question to the leader serves every reader that waits when it is asked.

use std::collections::VecDeque;

use crate::{Core, Leadership, ReadState};

#[cfg(test)]
mod tests;

/// Readers that wait until reads are linearizable. `W` stands for a reader.
///
/// A reader that arrives while a question is open waits for the next one: the open one may have been answered
/// before the reader's own past writes. Time is counted in ticks of the core.
///
/// # Source
/// etcd `server/etcdserver/v3_server.go` `linearizableReadLoop`.
#[derive(Debug)]
pub struct ReadBarrier<W> {
    next_context: u64,
    retry_ticks: u32,
    /// Readers that came after the open question was asked.
    waiting: Vec<W>,
    open: Option<Question<W>>,
    /// Readers that only wait until an index is applied, by ascending index.
    answered: VecDeque<(u64, Vec<W>)>,
}

#[derive(Debug)]
struct Question<W> {
    readers: Vec<W>,
    /// Contexts of all attempts: an answer to any of them serves.
    contexts: std::ops::Range<u64>,
    asked_of: Leadership,
    age: u32,
}

/// What a call of [`ReadBarrier::poll`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing to do, or nobody to ask.
    No,
    /// A question for new readers.
    First,
    /// The open question once more, because the answer is late or the leader changed.
    Again,
}

impl<W> ReadBarrier<W> {
    /// A barrier whose contexts begin at `first_context`, which must be beyond those of earlier lives of this
    /// member, and which asks again after `retry_ticks` ticks.
    pub fn new(first_context: u64, retry_ticks: u32) -> Self {
        Self {
            next_context: first_context,
            retry_ticks,
            waiting: Vec::new(),
            open: None,
            answered: VecDeque::new(),
        }
    }

    /// Adds a reader.
    pub fn add(&mut self, reader: W) {
        self.waiting.push(reader);
    }

    /// How many readers wait, for anything.
    pub fn len(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| open.readers.len());
        self.waiting.len() + open + self.answered.iter().map(|(_, readers)| readers.len()).sum::<usize>()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets one tick pass.
    pub fn tick(&mut self) {
        if let Some(open) = &mut self.open {
            open.age += 1;
        }
    }

    /// Asks what there is to ask. Call after every change of the core.
    pub fn poll(&mut self, core: &mut Core) -> Asked {
        if self.open.is_none() && self.waiting.is_empty() {
            return Asked::No;
        }
        let leadership = core.status().leadership;
        let due = self.open.as_ref().is_none_or(|open| {
            open.age >= self.retry_ticks
                || (open.asked_of.leader, open.asked_of.term) != (leadership.leader, leadership.term)
        });
        if !due || core.read_index(self.next_context).is_err() {
            return Asked::No;
        }
        let context = self.next_context;
        self.next_context += 1;
        if let Some(open) = &mut self.open {
            (open.contexts.end, open.asked_of, open.age) = (self.next_context, leadership, 0);
            return Asked::Again;
        }
        let readers = std::mem::take(&mut self.waiting);
        let contexts = context..self.next_context;
        self.open = Some(Question { readers, contexts, asked_of: leadership, age: 0 });
        Asked::First
    }

    /// Takes an answer of the core.
    pub fn answer(&mut self, state: ReadState) {
        if let Some(open) = self.open.take_if(|open| open.contexts.contains(&state.context)) {
            // An older answer may carry a higher index than a newer one: readers are released in order of both.
            let index = self.answered.back().map_or(state.index, |(last, _)| state.index.max(*last));
            self.answered.push_back((index, open.readers));
        }
    }

    /// The next readers that may read, now that `applied` is applied, and the index that they were told.
    pub fn release(&mut self, applied: u64) -> Option<(u64, Vec<W>)> {
        self.answered.pop_front_if(|(index, _)| *index <= applied)
    }

    /// Whether readers wait for nothing but that more is applied.
    pub fn waits_for_applied(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Drops readers that have gone. Returns how many.
    pub fn prune(&mut self, mut is_gone: impl FnMut(&W) -> bool) -> usize {
        let before = self.len();
        self.waiting.retain(|reader| !is_gone(reader));
        if let Some(open) = &mut self.open {
            open.readers.retain(|reader| !is_gone(reader));
        }
        self.open.take_if(|open| open.readers.is_empty());
        for (_, readers) in &mut self.answered {
            readers.retain(|reader| !is_gone(reader));
        }
        before - self.len()
    }
}
