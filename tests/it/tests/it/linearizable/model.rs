//! Keys and values as one client at a time would see them: every answer follows from the state, revisions included.

use std::collections::BTreeMap;

use etcd_linearize::{Model, Recorder};

/// A key's number.
pub(super) type Key = usize;
/// Keys that there are.
pub(super) const KEYS: usize = 4;

/// What a client asks. No two operations write the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Get(Key),
    /// Answers with the pair that was there.
    Put(Key, u32),
    Delete(Key),
    /// If the key was last changed in that revision, puts the value to it and to another key; else gets both.
    Swap {
        key: Key,
        other: Key,
        modified: i64,
        value: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub(super) value: u32,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) version: i64,
}

/// What it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    /// Of the store: the operation's own, when it has changed something.
    pub(super) revision: i64,
    /// Pairs that were read, that a put has replaced, or that were deleted.
    pub(super) pairs: Vec<Option<Pair>>,
    /// Whether it has changed something.
    pub(super) wrote: bool,
}

pub(super) type History = Recorder<Op, Output>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    revision: i64,
    pairs: [Option<Pair>; KEYS],
}

/// What was put (a value) or deleted (0) in each revision.
pub(super) type Log = BTreeMap<i64, Vec<(Key, u32)>>;

/// The sequential store, and the log of a real one.
///
/// Writes of which nobody knows the outcome would otherwise be tried everywhere, in every order. The log tells when they
/// were, if they were; whether that fits everything else is still for the search to find out.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) log: Log,
}

impl Store {
    fn holds(&self, revision: i64, op: &Op) -> bool {
        let Some(changes) = self.log.get(&revision) else { return false };
        match *op {
            Op::Get(_) => false,
            Op::Put(key, value) => changes[..] == [(key, value)],
            Op::Delete(key) => changes[..] == [(key, 0)],
            Op::Swap { key, other, value, .. } => {
                changes.len() == 2 && changes.contains(&(key, value)) && changes.contains(&(other, value))
            }
        }
    }
}

impl State {
    fn put(&mut self, key: Key, value: u32) {
        let modified = self.revision;
        let (created, version) = self.pairs[key].map_or((modified, 0), |old| (old.created, old.version));
        self.pairs[key] = Some(Pair { value, created, modified, version: version + 1 });
    }
}

impl Model for Store {
    type State = State;
    type Op = Op;
    type Output = Output;

    fn initial(&self) -> State {
        State { revision: 1, pairs: [None; KEYS] }
    }

    fn step(&self, state: &State, op: &Op, output: Option<&Output>) -> Option<State> {
        let mut next = state.clone();
        let (pairs, wrote) = match *op {
            Op::Get(key) => (vec![state.pairs[key]], false),
            Op::Put(key, value) => {
                next.revision += 1;
                next.put(key, value);
                (vec![state.pairs[key]], true)
            }
            Op::Delete(key) => {
                let there = state.pairs[key].is_some();
                next.revision += i64::from(there);
                next.pairs[key] = None;
                (vec![state.pairs[key]], there)
            }
            Op::Swap { key, other, modified, value } => {
                if state.pairs[key].map_or(0, |pair| pair.modified) == modified {
                    next.revision += 1;
                    next.put(key, value);
                    next.put(other, value);
                    (vec![state.pairs[key], state.pairs[other]], true)
                } else {
                    (vec![state.pairs[key], state.pairs[other]], false)
                }
            }
        };
        let fits = match output {
            Some(output) => *output == Output { revision: next.revision, pairs, wrote },
            // What changed nothing may as well not have been.
            None => wrote && self.holds(next.revision, op),
        };
        fits.then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use etcd_linearize::{Verdict, check};

    use super::*;

    fn pair(value: u32, created: i64, modified: i64, version: i64) -> Option<Pair> {
        Some(Pair { value, created, modified, version })
    }

    fn verdict(history: &History, log: &[(i64, Key, u32)]) -> Verdict {
        let mut store = Store { log: Log::new() };
        for (revision, key, value) in log {
            store.log.entry(*revision).or_default().push((*key, *value));
        }
        check(&store, history, 10_000)
    }

    #[test]
    fn a_store_does_what_etcd_does() {
        let mut history = History::new();
        let mut say = |op, revision, pairs, wrote| {
            let id = history.call(op);
            history.give(id, Output { revision, pairs, wrote });
        };
        say(Op::Get(0), 1, vec![None], false);
        say(Op::Put(0, 7), 2, vec![None], true);
        say(Op::Put(0, 8), 3, vec![pair(7, 2, 2, 1)], true);
        say(Op::Swap { key: 0, other: 1, modified: 2, value: 9 }, 3, vec![pair(8, 2, 3, 2), None], false);
        say(Op::Swap { key: 0, other: 1, modified: 3, value: 9 }, 4, vec![pair(8, 2, 3, 2), None], true);
        say(Op::Delete(0), 5, vec![pair(9, 2, 4, 3)], true);
        say(Op::Delete(0), 5, vec![None], false);
        say(Op::Get(1), 5, vec![pair(9, 4, 4, 1)], false);
        assert_eq!(verdict(&history, &[]), Verdict::Linearizable);
        let id = history.call(Op::Get(1));
        history.give(id, Output { revision: 4, pairs: vec![pair(9, 4, 4, 1)], wrote: false });
        assert!(matches!(verdict(&history, &[]), Verdict::NotLinearizable { .. }), "an old revision");
    }

    #[test]
    fn writes_that_were_never_answered_are_where_the_log_has_them() {
        let mut history = History::new();
        for value in 100..140 {
            history.call(Op::Put(1, value));
            history.call(Op::Delete(1));
        }
        let id = history.call(Op::Get(1));
        history.give(id, Output { revision: 4, pairs: vec![pair(120, 4, 4, 1)], wrote: false });
        let log = [(2, 1, 110), (3, 1, 0), (4, 1, 120)];
        assert_eq!(verdict(&history, &log), Verdict::Linearizable);
        assert!(matches!(verdict(&history, &log[..2]), Verdict::NotLinearizable { .. }), "nobody wrote it");
        let id = history.call(Op::Get(1));
        history.give(id, Output { revision: 4, pairs: vec![pair(110, 2, 2, 1)], wrote: false });
        assert!(matches!(verdict(&history, &log), Verdict::NotLinearizable { .. }), "two values at once");
    }
}
