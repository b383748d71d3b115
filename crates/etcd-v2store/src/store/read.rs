//! Reading.

use std::sync::Arc;

use crate::clean;
use crate::error::{Code, Error};
use crate::event::{Action, Event};
use crate::node::{Miss, Node};
use crate::stats::Stats;

/// The tree at one moment. Cheap to clone.
#[derive(Debug, Clone)]
pub struct View {
    root: Arc<Node>,
    index: u64,
    stats: Arc<Stats>,
}

impl View {
    pub(super) fn new(root: Arc<Node>, index: u64, stats: Arc<Stats>) -> Self {
        Self { root, index, stats }
    }

    /// The index of the last write in it.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Reads a file, or lists a directory: with the entries of its directories when `recursive`.
    ///
    /// Hidden entries are left out. Entries are always sorted by name; etcd does so only when asked.
    ///
    /// # Errors
    /// [`Code::KeyNotFound`], and [`Code::NotDir`] when the path goes through a file.
    pub fn get(&self, path: &str, recursive: bool) -> Result<Event, Error> {
        let path = clean(path);
        let found = self.root.find(&path).map_err(|miss| miss.into_error(self.index));
        self.stats.count_get(recursive, found.is_ok());
        let node = found?;
        Ok(Event { action: Action::Get, node: node.list(&path, recursive), prev: None, refresh: false })
    }
}

impl Miss {
    pub(super) fn into_error(self, index: u64) -> Error {
        match self {
            Self::NotFound(path) => Error::new(Code::KeyNotFound, path, index),
            Self::NotDir(path) => Error::new(Code::NotDir, path, index),
        }
    }
}
