//! Where the versions of one key are.

use crate::revision::{Change, Revision};

/// The revisions of one key, oldest first, as generations: each begins when the key is created and ends with its
/// tombstone.
///
/// Most keys have one revision, which is kept without any allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyIndex {
    /// A live key of which only the newest version is known.
    One { main: i64, sub: u32, created: i64, version: i64 },
    /// Everything else.
    Many(Box<History>),
}

/// Several revisions, of one or more generations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History {
    /// Never empty, ascending.
    changes: Vec<Change>,
    /// Where the last generation begins; the end if the last change is a tombstone.
    start: usize,
    /// The create revision and version at the first change; its beginning may have been compacted away.
    created: i64,
    version: i64,
}

/// A version of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) modified: Revision,
    pub(crate) created: i64,
    pub(crate) version: i64,
}

/// What compaction leaves of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted {
    /// Whether nothing is left.
    pub(crate) is_empty: bool,
    /// Whether a revision at or below the compaction stays.
    pub(crate) kept: bool,
}

impl KeyIndex {
    /// A key whose oldest known change has these properties.
    pub(crate) fn new(change: Change, created: i64, version: i64) -> Self {
        let Revision { main, sub } = change.revision();
        if change.tombstone {
            Self::Many(Box::new(History { changes: vec![change], start: 1, created, version }))
        } else {
            Self::One { main, sub, created, version }
        }
    }

    /// A key that is created by `revision`.
    pub(crate) fn created_by(revision: Revision) -> Self {
        Self::One { main: revision.main, sub: revision.sub, created: revision.main, version: 1 }
    }

    /// Adds a value at `revision`, which must be above all others.
    pub(crate) fn put(&mut self, revision: Revision) -> Version {
        let latest = self.latest();
        let history = self.make_history();
        if latest.is_none() {
            history.start = history.changes.len();
        }
        history.changes.push(Change::new(revision, false));
        let created = latest.map_or(revision.main, |latest| latest.created);
        let version = latest.map_or(1, |latest| latest.version + 1);
        Version { modified: revision, created, version }
    }

    /// Ends the key at `revision`, which must be above all others. Does nothing when there is no live key.
    pub(crate) fn tombstone(&mut self, revision: Revision) -> bool {
        if self.latest().is_none() {
            return false;
        }
        let history = self.make_history();
        history.changes.push(Change::new(revision, true));
        history.start = history.changes.len();
        true
    }

    /// Takes back the newest change. Returns whether nothing is left.
    pub(crate) fn undo(&mut self) -> bool {
        let Self::Many(history) = self else { return true };
        history.changes.pop();
        history.start = history.generation(history.changes.len());
        let is_empty = history.changes.is_empty();
        self.simplify();
        is_empty
    }

    /// The newest version, if the key lives.
    pub(crate) fn latest(&self) -> Option<Version> {
        match self {
            Self::One { .. } => self.at(i64::MAX),
            Self::Many(history) => {
                let last = history.changes.len() - 1;
                (history.start <= last).then(|| history.version_at(last, history.start))
            }
        }
    }

    /// The version that a reader at `main` sees.
    pub(crate) fn at(&self, main: i64) -> Option<Version> {
        match self {
            &Self::One { main: modified, sub, created, version } => {
                let modified = Revision { main: modified, sub };
                (modified.main <= main).then_some(Version { modified, created, version })
            }
            Self::Many(history) => {
                let at = history.position(main)?;
                Some(history.version_at(at, history.generation(at)))
            }
        }
    }

    /// The revision of the version that a reader at `main` sees.
    pub(crate) fn modified_at(&self, main: i64) -> Option<Revision> {
        match self {
            &Self::One { main: modified, sub, .. } => {
                (modified <= main).then_some(Revision { main: modified, sub })
            }
            Self::Many(history) => Some(history.changes[history.position(main)?].revision()),
        }
    }

    /// Drops what no reader at `main` or above needs, and lists it in `dropped`.
    ///
    /// A tombstone exactly at `main` stays, one below goes.
    ///
    /// # Source
    /// etcd `server/storage/mvcc/key_index.go` compact.
    pub(crate) fn compact(&mut self, main: i64, dropped: &mut Vec<Change>) -> Compacted {
        let Self::Many(history) = self else {
            let kept = self.modified_at(main).is_some();
            return Compacted { is_empty: false, kept };
        };
        let Some(newest) = history.changes.partition_point(|c| c.main <= main).checked_sub(1) else {
            return Compacted { is_empty: false, kept: false };
        };
        let gone = history.changes[newest].tombstone && history.changes[newest].main != main;
        let cut = if gone { newest + 1 } else { newest };
        if let Some(first) = history.changes.get(cut) {
            (history.created, history.version) = if first.tombstone {
                (0, 0)
            } else {
                let first = history.version_at(cut, history.generation(cut));
                (first.created, first.version)
            };
            history.start = history.start.saturating_sub(cut);
        }
        dropped.extend(history.changes.drain(..cut));
        let is_empty = history.changes.is_empty();
        self.simplify();
        Compacted { is_empty, kept: !gone }
    }

    fn make_history(&mut self) -> &mut History {
        if let &mut Self::One { main, sub, created, version } = self {
            let mut changes = Vec::with_capacity(2);
            changes.push(Change::new(Revision { main, sub }, false));
            *self = Self::Many(Box::new(History { changes, start: 0, created, version }));
        }
        match self {
            Self::Many(history) => history,
            Self::One { .. } => unreachable!("it was replaced above"),
        }
    }

    /// Returns to the short form when one live version is left, and gives back memory.
    fn simplify(&mut self) {
        let Self::Many(history) = self else { return };
        match history.changes.as_slice() {
            &[only] if !only.tombstone => {
                let Revision { main, sub } = only.revision();
                let (created, version) = (history.created, history.version);
                *self = Self::One { main, sub, created, version };
            }
            changes if history.changes.capacity() > changes.len() * 4 => history.changes.shrink_to_fit(),
            _ => {}
        }
    }
}

impl History {
    /// Where the change that a reader at `main` sees is; none if that is a tombstone.
    fn position(&self, main: i64) -> Option<usize> {
        let newest = match self.changes.last() {
            Some(last) if last.main <= main => self.changes.len() - 1,
            _ => self.changes.partition_point(|change| change.main <= main).checked_sub(1)?,
        };
        (!self.changes[newest].tombstone).then_some(newest)
    }

    /// Where the generation of the change at `at` begins.
    fn generation(&self, at: usize) -> usize {
        if at >= self.start && self.start < self.changes.len() {
            return self.start;
        }
        let before = &self.changes[..at];
        before.iter().rposition(|change| change.tombstone).map_or(0, |tombstone| tombstone + 1)
    }

    /// The version at `at`, in the generation that begins at `start`.
    fn version_at(&self, at: usize, start: usize) -> Version {
        let step = i64::try_from(at - start).expect("a vector is shorter than that");
        let modified = self.changes[at].revision();
        if start == 0 {
            Version { modified, created: self.created, version: self.version + step }
        } else {
            Version { modified, created: self.changes[start].main, version: step + 1 }
        }
    }
}
