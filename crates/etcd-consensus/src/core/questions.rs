//! What readers ask a leader, and the rounds of heartbeats that answer them.

use std::collections::VecDeque;

use etcd_proto::raftpb;

/// Questions that may wait; more are dropped, and asked again by whoever asked.
pub(super) const MAX_QUESTIONS: usize = 1024;
/// Rounds that may be under way: the present one and lost ones. Raft repeats the last one with each heartbeat.
pub(super) const MAX_ROUNDS: usize = 8;

/// Who asked at which index a read may be served.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Question {
    /// This member, with this context.
    Own(u64),
    /// Another member, which wants its entry back.
    Of {
        /// The member.
        id: u64,
        /// The entry; its data is the member's context.
        entry: raftpb::Entry,
    },
}

/// The questions to one leader in one term, and the rounds that it began for them.
///
/// A round takes the commit index when it begins, and so answers the questions that were there when it began and
/// none that came later. There is one round at a time, unless one is lost.
#[derive(Debug, Default)]
pub(super) struct Questions {
    term: u64,
    /// By arrival.
    waiting: VecDeque<Question>,
    /// How many questions were answered, or dropped: the number of the first one that waits.
    first: u64,
    rounds: VecDeque<Round>,
    next_round: u64,
}

#[derive(Debug)]
struct Round {
    number: u64,
    /// Number of the first question that came too late.
    end: u64,
    age: usize,
}

impl Questions {
    /// Forgets what was asked in another term: whoever asked finds out, and asks again.
    pub(super) fn enter(&mut self, term: u64) {
        if self.term != term {
            self.term = term;
            self.clear();
        }
    }

    /// Forgets what was asked. Rounds keep counting, as their numbers must not repeat.
    pub(super) fn clear(&mut self) {
        self.first += self.waiting.len() as u64;
        self.waiting.clear();
        self.rounds.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_QUESTIONS
    }

    /// Adds a question, or drops it when too many wait.
    pub(super) fn add(&mut self, question: Question) {
        if !self.is_full() {
            self.waiting.push_back(question);
        }
    }

    /// Lets one tick pass.
    pub(super) fn tick(&mut self) {
        self.rounds.iter_mut().for_each(|round| round.age += 1);
    }

    /// Begins a round for all that wait, if there is need for one: none is under way, or the newest has had more
    /// than `patience` ticks. Returns its number.
    pub(super) fn begin(&mut self, patience: usize) -> Option<u64> {
        let newest_is_lost = self.rounds.back().is_none_or(|round| round.age > patience);
        if self.waiting.is_empty() || !newest_is_lost || self.rounds.len() >= MAX_ROUNDS {
            return None;
        }
        let number = self.next_round;
        self.next_round += 1;
        let end = self.first + self.waiting.len() as u64;
        self.rounds.push_back(Round { number, end, age: 0 });
        Some(number)
    }

    /// Ends a round that was confirmed, and takes out the questions that it answers. Rounds before it end too: it
    /// answers theirs.
    pub(super) fn confirm(&mut self, number: u64) -> impl Iterator<Item = Question> + '_ {
        let at = self.rounds.iter().position(|round| round.number == number);
        let end =
            at.and_then(|at| self.rounds.drain(..=at).next_back()).map_or(self.first, |round| round.end);
        let count = usize::try_from(end.saturating_sub(self.first)).unwrap_or(0);
        self.first += count as u64;
        self.waiting.drain(..count)
    }
}

#[cfg(test)]
mod tests;
