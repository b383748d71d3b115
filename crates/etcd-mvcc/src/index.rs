//! Every key, in order, with the revisions of its versions.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::key_index::{KeyIndex, Version};
use crate::revision::{Change, Revision};

/// How many keys are visited under one hold of the lock: a writer waits no longer than that takes.
pub(crate) const CHUNK_KEYS: usize = 1000;

pub(crate) type Tree = BTreeMap<Box<[u8]>, KeyIndex>;

/// The index of the key space. Values are in the storage, under their revisions.
#[derive(Debug, Default)]
pub(crate) struct Index {
    tree: RwLock<Tree>,
    /// How many keys live.
    live: AtomicU64,
}

/// The keys that a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span<'a> {
    /// One key.
    Key(&'a [u8]),
    /// Every key from the first on, below the second if there is one.
    Range(&'a [u8], Option<&'a [u8]>),
}

impl<'a> Span<'a> {
    /// Reads `key` and `range_end` of a request: no end is one key, an end of `\0` is everything from `key` on.
    pub(crate) fn new(key: &'a [u8], range_end: &'a [u8]) -> Self {
        match range_end {
            [] => Self::Key(key),
            [0] => Self::Range(key, None),
            end => Self::Range(key, Some(end)),
        }
    }
}

impl Index {
    /// The version of `key` that a reader at `main` sees.
    pub(crate) fn at(&self, key: &[u8], main: i64) -> Option<Version> {
        self.tree.read().get(key)?.at(main)
    }

    /// The revision of the version of `key` that a reader at `main` sees.
    pub(crate) fn modified_at(&self, key: &[u8], main: i64) -> Option<Revision> {
        self.tree.read().get(key)?.modified_at(main)
    }

    /// Visits the keys of `span` in order, in chunks. After each chunk no lock is held, so that writers get through, and
    /// `between` runs, which returns whether to go on.
    pub(crate) fn walk<E>(
        &self,
        span: Span<'_>,
        mut visit: impl FnMut(&[u8], &KeyIndex),
        mut between: impl FnMut() -> Result<bool, E>,
    ) -> Result<(), E> {
        let (first, end) = match span {
            Span::Key(key) => {
                if let Some(index) = self.tree.read().get(key) {
                    visit(key, index);
                }
                return between().map(|_| ());
            }
            Span::Range(key, Some(end)) if end <= key => return between().map(|_| ()),
            Span::Range(key, end) => (key, end.map_or(Bound::Unbounded, Bound::Excluded)),
        };
        let mut last: Option<Box<[u8]>> = None;
        loop {
            let start = last.as_deref().map_or(Bound::Included(first), Bound::Excluded);
            let next = {
                let tree = self.tree.read();
                let mut keys = tree.range::<[u8], _>((start, end));
                let mut chunk = keys.by_ref().take(CHUNK_KEYS);
                let last = chunk.by_ref().inspect(|(key, index)| visit(key, index)).last();
                match keys.next() {
                    Some(_) => last.map(|(key, _)| key.clone()),
                    None => None,
                }
            };
            if !between()? || next.is_none() {
                return Ok(());
            }
            last = next;
        }
    }

    /// Adds a value of `key`.
    pub(crate) fn put(&self, key: &[u8], revision: Revision) -> Version {
        let mut tree = self.tree.write();
        let Some(index) = tree.get_mut(key) else {
            tree.insert(key.into(), KeyIndex::created_by(revision));
            self.live.fetch_add(1, Ordering::Relaxed);
            return Version { modified: revision, created: revision.main, version: 1 };
        };
        let version = index.put(revision);
        if version.version == 1 {
            self.live.fetch_add(1, Ordering::Relaxed);
        }
        version
    }

    /// Ends `key`, if it lives.
    pub(crate) fn tombstone(&self, key: &[u8], revision: Revision) -> bool {
        let mut tree = self.tree.write();
        let ended = tree.get_mut(key).is_some_and(|index| index.tombstone(revision));
        if ended {
            self.live.fetch_sub(1, Ordering::Relaxed);
        }
        ended
    }

    /// Takes back the newest change of `key`.
    pub(crate) fn undo(&self, key: &[u8]) {
        let mut tree = self.tree.write();
        let Some(index) = tree.get_mut(key) else { return };
        let lived = index.latest().is_some();
        let is_empty = index.undo();
        let lives = !is_empty && index.latest().is_some();
        if is_empty {
            tree.remove(key);
        }
        match (lived, lives) {
            (true, false) => self.live.fetch_sub(1, Ordering::Relaxed),
            (false, true) => self.live.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// Drops the versions that no reader at `main` or above needs from the next chunk of keys after `after`.
    ///
    /// What is dropped goes to `dropped`; returns the last key, until there are no more, and whether any version at or
    /// below `main` stays.
    pub(crate) fn compact_chunk(
        &self,
        after: Option<&[u8]>,
        main: i64,
        dropped: &mut Vec<Change>,
    ) -> (Option<Box<[u8]>>, bool) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut empty: Vec<Box<[u8]>> = Vec::new();
        let mut any_kept = false;
        let mut tree = self.tree.write();
        let mut last = None;
        for (number, (key, index)) in tree.range_mut::<[u8], _>((start, Bound::Unbounded)).enumerate() {
            let compacted = index.compact(main, dropped);
            any_kept |= compacted.kept;
            if compacted.is_empty {
                empty.push(key.clone());
            }
            if number + 1 == CHUNK_KEYS {
                last = Some(key.clone());
                break;
            }
        }
        for key in empty {
            tree.remove(&key);
        }
        (last, any_kept)
    }

    /// Whether any key lives for a reader at `main`.
    pub(crate) fn any_at(&self, main: i64) -> bool {
        let found = Cell::new(false);
        let Ok(()) = self.walk::<Infallible>(
            Span::Range(&[], None),
            |_, index| found.set(found.get() || index.modified_at(main).is_some()),
            || Ok(!found.get()),
        );
        found.get()
    }

    /// How many keys live.
    pub(crate) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Takes the place of everything that was here, which is returned: freeing it takes a while.
    pub(crate) fn replace(&self, tree: Tree) -> Tree {
        let live = tree.values().filter(|index| index.latest().is_some()).count();
        let mut current = self.tree.write();
        self.live.store(live as u64, Ordering::Relaxed);
        std::mem::replace(&mut *current, tree)
    }

    #[cfg(test)]
    pub(crate) fn tree(&self) -> Tree {
        self.tree.read().clone()
    }
}
