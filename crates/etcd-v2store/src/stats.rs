//! How often what was done.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::Action;

/// Successes and failures of one action.
#[derive(Debug, Default)]
struct Pair {
    success: AtomicU64,
    failure: AtomicU64,
}

/// Counters of one member's store; they begin at 0 with the process.
#[derive(Debug, Default)]
pub struct Stats {
    actions: [Pair; Action::ALL.len()],
    recursive_gets: Pair,
    watch_requests: AtomicU64,
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// The action; `getRecursive` for reads of a whole tree.
    pub action: &'static str,
    /// Those that were made.
    pub success: u64,
    /// Those that were refused.
    pub failure: u64,
}

impl Stats {
    pub(crate) fn count(&self, action: Action, made: bool) {
        let pair = &self.actions[action as usize];
        if made { &pair.success } else { &pair.failure }.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_get(&self, recursive: bool, made: bool) {
        if recursive {
            let pair = &self.recursive_gets;
            if made { &pair.success } else { &pair.failure }.fetch_add(1, Ordering::Relaxed);
        } else {
            self.count(Action::Get, made);
        }
    }

    pub(crate) fn count_watch(&self) {
        self.watch_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits that were asked for.
    pub fn watch_requests(&self) -> u64 {
        self.watch_requests.load(Ordering::Relaxed)
    }

    /// Nodes whose time was up.
    pub fn expired(&self) -> u64 {
        self.actions[Action::Expire as usize].success.load(Ordering::Relaxed)
    }

    /// Reads: `get` and `getRecursive`.
    pub fn reads(&self) -> [Counts; 2] {
        let get = &self.actions[Action::Get as usize];
        [counts("get", get), counts("getRecursive", &self.recursive_gets)]
    }

    /// Writes by action.
    pub fn writes(&self) -> impl Iterator<Item = Counts> {
        let writes = Action::ALL.into_iter().filter(|action| !matches!(action, Action::Get | Action::Expire));
        writes.map(|action| counts(action.name(), &self.actions[action as usize]))
    }

    /// What `/v2/stats/store` shows, in etcd's order.
    pub fn to_json(&self, watchers: usize) -> String {
        let of = |action: Action| counts(action.name(), &self.actions[action as usize]);
        let (get, tree) = (of(Action::Get), counts("", &self.recursive_gets));
        let mut text = format!(
            "{{\"getsSuccess\":{},\"getsFail\":{}",
            get.success + tree.success,
            get.failure + tree.failure
        );
        let pairs = [
            ("sets", Action::Set),
            ("delete", Action::Delete),
            ("update", Action::Update),
            ("create", Action::Create),
            ("compareAndSwap", Action::CompareAndSwap),
            ("compareAndDelete", Action::CompareAndDelete),
        ];
        for (name, action) in pairs {
            let Counts { success, failure, .. } = of(action);
            let _infallible = write!(text, ",\"{name}Success\":{success},\"{name}Fail\":{failure}");
        }
        let _infallible = write!(text, ",\"expireCount\":{},\"watchers\":{watchers}}}", self.expired());
        text
    }
}

fn counts(action: &'static str, pair: &Pair) -> Counts {
    Counts {
        action,
        success: pair.success.load(Ordering::Relaxed),
        failure: pair.failure.load(Ordering::Relaxed),
    }
}
