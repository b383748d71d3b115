//! Waits for events.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::Event;
use crate::history::History;
use crate::path;

/// Where a wait's events go. It must not block: the store is locked meanwhile.
pub trait Sink: Send + Sync {
    /// Takes an event; false ends the wait, because it is gone or too slow.
    fn offer(&mut self, event: &Arc<Event>) -> bool;
}

impl<F: FnMut(&Arc<Event>) -> bool + Send + Sync> Sink for F {
    fn offer(&mut self, event: &Arc<Event>) -> bool {
        self(event)
    }
}

/// What to wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// Also for what happens below the path.
    pub recursive: bool,
    /// For every event, not only the first.
    pub stream: bool,
    /// From this index on; 0 means from now.
    pub since: u64,
}

/// A wait that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Ends the wait; none when it is over already, because the history had its event.
    pub id: Option<WatchId>,
    /// The store's index then.
    pub start_index: u64,
}

/// Names a wait, to end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchId {
    path: String,
    number: u64,
}

struct Watcher {
    number: u64,
    recursive: bool,
    stream: bool,
    /// The first index that it has not seen.
    next: u64,
    sink: Box<dyn Sink>,
}

impl Watcher {
    /// Hands the event over; false when the wait is over.
    fn offer(&mut self, event: &Arc<Event>) -> bool {
        if event.index() < self.next {
            return true;
        }
        self.next = event.index() + 1;
        self.sink.offer(event) && self.stream
    }
}

/// All waits, by the path that they watch.
#[derive(Default)]
pub(crate) struct Hub {
    watchers: HashMap<String, Vec<Watcher>>,
    count: usize,
    last_number: u64,
}

impl Hub {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds a wait, after it was given what the history has for it.
    pub(crate) fn add<'a>(
        &mut self,
        path: &str,
        options: WatchOptions,
        past: impl Iterator<Item = &'a Arc<Event>>,
        sink: Box<dyn Sink>,
    ) -> Option<WatchId> {
        self.last_number += 1;
        let number = self.last_number;
        let WatchOptions { recursive, stream, since } = options;
        let mut watcher = Watcher { number, recursive, stream, next: since, sink };
        for event in past {
            if !watcher.offer(event) {
                return None;
            }
        }
        self.watchers.entry(path.to_owned()).or_default().push(watcher);
        self.count += 1;
        Some(WatchId { path: path.to_owned(), number })
    }

    pub(crate) fn remove(&mut self, id: &WatchId) {
        self.retain(&id.path, |watcher| watcher.number != id.number);
    }

    /// Ends all waits.
    pub(crate) fn clear(&mut self) {
        self.watchers.clear();
        self.count = 0;
    }

    /// Tells everybody whom the event concerns; `removed` are the paths that went with its node.
    pub(crate) fn notify(&mut self, event: &Arc<Event>, removed: &[String]) {
        if self.count == 0 {
            return;
        }
        for path in removed {
            self.retain(path, |watcher| watcher.offer(event));
        }
        let key = event.node.key.as_str();
        for prefix in path::prefixes(key) {
            let own = prefix == key;
            if own || !path::is_hidden(prefix, key) {
                self.retain(prefix, |watcher| !(own || watcher.recursive) || watcher.offer(event));
            }
        }
    }

    /// After another state was taken over: hands everybody what they missed, as far as `history` knows it.
    pub(crate) fn catch_up(&mut self, history: &History, index: u64) {
        let paths: Vec<String> = self.watchers.keys().cloned().collect();
        for path in paths {
            self.retain(&path, |watcher| {
                let Ok(missed) = history.scan(&path, watcher.recursive, watcher.next, index) else {
                    return false;
                };
                missed.into_iter().all(|event| watcher.offer(event))
            });
        }
    }

    /// Keeps the watchers of `path` that `keep` wants.
    fn retain(&mut self, path: &str, mut keep: impl FnMut(&mut Watcher) -> bool) {
        let Some(list) = self.watchers.get_mut(path) else { return };
        let before = list.len();
        list.retain_mut(&mut keep);
        self.count -= before - list.len();
        if list.is_empty() {
            self.watchers.remove(path);
        }
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("count", &self.count).finish_non_exhaustive()
    }
}
