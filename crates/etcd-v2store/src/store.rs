//! The store: one write after the other, each with an index and an event.

mod read;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Code, Error};
use crate::event::Event;
use crate::history::History;
use crate::hub::{Hub, Sink, Watch, WatchId, WatchOptions};
use crate::limits::Limits;
use crate::node::Node;
use crate::rows::{self, Change, RestoreError, Row};
use crate::stats::Stats;
use crate::{clean, path};

pub use read::View;

/// The index of the first write. A lone member of etcd 3.4 has used three indexes for itself by then; and clients
/// of the discovery protocol take 1 for "no index".
pub const FIRST_INDEX: u64 = 4;

/// When a node goes, and whether only that is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Nanoseconds since 1970; none for what stays.
    pub at: Option<i64>,
    /// Keep the value, and do not tell watchers.
    pub refresh: bool,
}

impl Expiry {
    /// The node stays.
    pub const NEVER: Self = Self { at: None, refresh: false };

    /// The node goes at this time.
    pub const fn at(nanos: i64) -> Self {
        Self { at: Some(nanos), refresh: false }
    }
}

/// The key tree.
#[derive(Debug)]
pub struct Store {
    limits: Limits,
    root: Arc<Node>,
    index: u64,
    usage: Usage,
    /// What goes, by time.
    expiring: BTreeSet<(i64, String)>,
    history: History,
    hub: Hub,
    stats: Arc<Stats>,
    changes: Vec<Change>,
}

/// What the limits bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Usage {
    nodes: usize,
    bytes: usize,
}

impl Store {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            root: Arc::new(Node::dir(0, None)),
            index: FIRST_INDEX - 1,
            usage: Usage::default(),
            expiring: BTreeSet::new(),
            history: History::new(),
            hub: Hub::default(),
            stats: Arc::default(),
            changes: Vec::new(),
        }
    }

    /// Builds the store that these rows, all that it has written, are of. `limits` must be the same.
    ///
    /// Shape: in any order of keys in which a directory comes before its entries, such as the order of bytes.
    ///
    /// # Errors
    /// [`RestoreError`] when the rows are not a store's.
    pub fn restore<'a>(
        limits: Limits,
        rows: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Self, RestoreError> {
        let mut store = Self::new(limits);
        let mut events = Vec::new();
        for (key, value) in rows {
            let malformed = || RestoreError::Malformed { key: String::from_utf8_lossy(key).into_owned() };
            match Row::parse(key, value).ok_or_else(malformed)? {
                Row::Node(path, node) if store.may_hold(&path) => store.put_back(path, node)?,
                // Elsewhere a later event would not take its place.
                Row::Event(event) if rows::event_key(event.index(), limits.history) == key => {
                    events.push(Arc::new(event));
                }
                Row::Node(..) | Row::Event(_) => return Err(malformed()),
            }
        }
        events.sort_by_key(|event| event.index());
        store.index = events.last().map_or(FIRST_INDEX - 1, |event| event.index());
        store.history = History::restore(events, FIRST_INDEX).ok_or(RestoreError::Gap)?;
        Ok(store)
    }

    /// Takes over the state of `other`. Waits go on: what they missed is handed to them from its history, and those
    /// that missed more than that end.
    pub fn replace_with(&mut self, other: Self) {
        let Self { limits, root, index, usage, expiring, history, .. } = other;
        self.hub.catch_up(&history, index);
        let (hub, stats) = (std::mem::take(&mut self.hub), Arc::clone(&self.stats));
        *self = Self { limits, root, index, usage, expiring, history, hub, stats, changes: Vec::new() };
    }

    /// The index of the last write.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The tree as it is now; it stays readable, unchanged, while the store goes on.
    pub fn view(&self) -> View {
        View::new(Arc::clone(&self.root), self.index, Arc::clone(&self.stats))
    }

    /// The counters.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Files and directories, without the root.
    pub fn nodes(&self) -> usize {
        self.usage.nodes
    }

    /// When the next node goes, if any ever does.
    pub fn next_expiry(&self) -> Option<i64> {
        self.expiring.first().map(|(at, _)| *at)
    }

    /// The rows that changed since the last call, oldest change first.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Waits at this moment.
    pub fn watchers(&self) -> usize {
        self.hub.len()
    }

    /// Hands `sink` the first event of `path` from an index on, or all of them.
    ///
    /// # Errors
    /// When the history does not reach back that far, or there are too many waits.
    pub fn watch(
        &mut self,
        path: &str,
        mut options: WatchOptions,
        sink: Box<dyn Sink>,
    ) -> Result<Watch, Error> {
        self.stats.count_watch();
        let path = clean(path);
        if options.since == 0 {
            options.since = self.index + 1;
        }
        let past = self.history.scan(&path, options.recursive, options.since, self.index)?;
        if self.hub.len() >= self.limits.watchers {
            return Err(Error::new(Code::RaftInternal, "etcdserver: too many watchers", self.index));
        }
        let id = self.hub.add(&path, options, past, sink);
        Ok(Watch { id, start_index: self.index })
    }

    /// Ends a wait; one that is over already is no error.
    pub fn unwatch(&mut self, id: &WatchId) {
        self.hub.remove(id);
    }

    /// Ends all waits.
    pub fn end_watches(&mut self) {
        self.hub.clear();
    }

    fn error(&self, code: Code, cause: impl Into<String>) -> Error {
        Error::new(code, cause, self.index)
    }

    /// Gives the event its place in the history and tells watchers.
    fn publish(&mut self, event: Event, removed: &[String]) -> Arc<Event> {
        let event = Arc::new(event);
        self.index = event.index();
        self.changes.push(rows::put_event(&event, self.limits.history));
        let dropped = self.history.push(Arc::clone(&event), &self.limits);
        // The newest event may have taken the place of the oldest.
        let replaced = event.index().saturating_sub(self.limits.history as u64);
        let gone = dropped.filter(|index| *index > replaced);
        self.changes.extend(gone.map(|index| rows::delete_event(index, self.limits.history)));
        if !event.refresh {
            self.hub.notify(&event, removed);
        }
        event
    }

    /// Whether a node that a store has written may have this path.
    fn may_hold(&self, path: &str) -> bool {
        path.len() <= self.limits.path_bytes
            && path::names(path).count() <= self.limits.depth
            && clean(path) == path
    }

    fn put_back(&mut self, path: String, node: Node) -> Result<(), RestoreError> {
        let (parent, name) = path::split(&path);
        self.usage.nodes += 1;
        self.usage.bytes += size(&path, &node);
        if let Some(at) = node.expires {
            self.expiring.insert((at, path.clone()));
        }
        let root = Arc::make_mut(&mut self.root);
        match root.find_mut(parent).and_then(Node::children_mut) {
            Some(children) if !name.is_empty() => {
                children.insert(name.into(), Arc::new(node));
                Ok(())
            }
            _ => Err(RestoreError::Orphan { path }),
        }
    }
}

/// What a node counts for.
fn size(path: &str, node: &Node) -> usize {
    path.len() + node.value().map_or(0, |value| value.len())
}
