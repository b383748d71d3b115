//! The rules that consecutive records keep: checked before they are written and after they are read.

use etcd_proto::raftpb::{Entry, HardState};
use etcd_proto::walpb;

use crate::Damage;

/// Where a log has got to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cursor {
    /// Index of the last entry, or of the mark that stands for it.
    pub(crate) last: u64,
    /// Its term; 0 when unknown.
    pub(crate) last_term: u64,
    /// The hard state.
    pub(crate) state: HardState,
    /// A mark ahead of the entries: a snapshot was received. It counts once it is committed or continued.
    pub(crate) ahead: Option<(u64, u64)>,
}

/// What an accepted record does to the entries before it.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// They stay; an entry replaces those from its own index on.
    None,
    /// Those after this index are gone.
    Cut(u64),
    /// They are gone: the log goes on after this index.
    Jump(u64),
}

impl Cursor {
    /// `before` is the term of the entry that `entry` follows, where it is known.
    pub(crate) fn entry(&mut self, entry: &Entry, before: Option<u64>) -> Result<Effect, Damage> {
        if entry.index <= self.state.commit {
            return Err(Damage::Committed);
        }
        let mut effect = Effect::None;
        if entry.index - 1 > self.last {
            match self.ahead {
                Some((index, term)) if index == entry.index - 1 => effect = self.jump(index, term),
                _ => return Err(Damage::Gap),
            }
        }
        let follows = entry.index - 1 == self.last;
        let before = if follows { self.last_term } else { before.unwrap_or_default() };
        if entry.term < before.max(1) {
            return Err(Damage::Term);
        }
        self.last = entry.index;
        self.last_term = entry.term;
        Ok(effect)
    }

    pub(crate) fn state(&mut self, state: HardState) -> Result<Effect, Damage> {
        if state.term < self.state.term.max(1) {
            return Err(Damage::Term);
        }
        if state.commit < self.state.commit {
            return Err(Damage::Commit);
        }
        self.state = state;
        Ok(self.settle())
    }

    /// `term` is that of the entry with the mark's index, where it is known.
    pub(crate) fn mark(&mut self, mark: &walpb::Snapshot, term: Option<u64>) -> Result<Effect, Damage> {
        let at_last = mark.index == self.last && self.last_term != 0;
        let term = term.or_else(|| at_last.then_some(self.last_term));
        if term.is_some_and(|term| term != mark.term) {
            if mark.index <= self.state.commit {
                return Err(Damage::Term);
            }
            // A received snapshot that replaces entries which were never committed.
            (self.last, self.last_term) = (mark.index - 1, 0);
            self.ahead = Some((mark.index, mark.term));
            return Ok(Effect::Cut(self.last));
        }
        if mark.index > self.last {
            self.ahead = Some((mark.index, mark.term));
        }
        Ok(self.settle())
    }

    /// Index up to which the log speaks for what the storage holds: the last entry, or a mark ahead of it.
    pub(crate) fn reach(&self) -> u64 {
        self.ahead.map_or(self.last, |(index, _)| index.max(self.last))
    }

    /// Whether all that is committed is there. Between records it may not be.
    pub(crate) fn finish(&self) -> Result<(), Damage> {
        if self.state.commit > self.last { Err(Damage::Commit) } else { Ok(()) }
    }

    fn settle(&mut self) -> Effect {
        match self.ahead {
            Some((index, term)) if index > self.last && index <= self.state.commit => self.jump(index, term),
            _ => Effect::None,
        }
    }

    fn jump(&mut self, index: u64, term: u64) -> Effect {
        self.ahead = None;
        self.last = index;
        self.last_term = term;
        Effect::Jump(index)
    }
}

#[cfg(test)]
mod tests;
