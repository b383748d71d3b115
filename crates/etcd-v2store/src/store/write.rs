//! Writing.

use std::sync::Arc;

use super::{Expiry, Store, Usage, size};
use crate::error::{Code, Error};
use crate::event::{Action, Event, NodeView};
use crate::node::{Content, Node};
use crate::rows;
use crate::{clean, path};

/// A time before this is none: some clients send 0 or less for "never". Source: 2000-01-01.
const EARLIEST_EXPIRY: i64 = 946_684_800_000_000_000;

impl Store {
    /// Makes a file or directory that is not there, with the directories on the way to it.
    ///
    /// With `unique`, in the directory `path`, under a name made of the index: twenty digits, so that names are in
    /// the order of the calls.
    ///
    /// # Errors
    /// [`Code::NodeExist`], [`Code::NotDir`], [`Code::RootReadOnly`], or a limit.
    pub fn create(
        &mut self,
        path: &str,
        dir: bool,
        value: &str,
        unique: bool,
        expiry: Expiry,
    ) -> Result<Arc<Event>, Error> {
        let path = if unique { clean(&format!("{path}/{:020}", self.index + 1)) } else { clean(path) };
        let made = self.make(Action::Create, path, dir, value, expiry);
        self.counted(Action::Create, made)
    }

    /// Makes a file or directory anew, over a file that is there.
    ///
    /// # Errors
    /// [`Code::NotFile`] over a directory, [`Code::NotDir`], [`Code::RootReadOnly`], or a limit; a refresh of what is
    /// not there: [`Code::KeyNotFound`].
    pub fn set(&mut self, path: &str, dir: bool, value: &str, expiry: Expiry) -> Result<Arc<Event>, Error> {
        let made = self.set_inner(clean(path), dir, value, expiry);
        self.counted(Action::Set, made)
    }

    /// Changes the value of a file, or the time to live of a file or directory. No time to live means none.
    ///
    /// # Errors
    /// [`Code::KeyNotFound`], [`Code::NotDir`], [`Code::RootReadOnly`]; [`Code::NotFile`] for a value of a directory.
    pub fn update(&mut self, path: &str, value: &str, expiry: Expiry) -> Result<Arc<Event>, Error> {
        let made = self.update_inner(&clean(path), value, expiry);
        self.counted(Action::Update, made)
    }

    /// Changes a file whose value and index are these. An empty value and index 0 match any.
    ///
    /// # Errors
    /// [`Code::TestFailed`], [`Code::NotFile`], [`Code::KeyNotFound`], [`Code::NotDir`], [`Code::RootReadOnly`].
    pub fn compare_and_swap(
        &mut self,
        path: &str,
        prev_value: &str,
        prev_index: u64,
        value: &str,
        expiry: Expiry,
    ) -> Result<Arc<Event>, Error> {
        let made = self.swap_inner(&clean(path), prev_value, prev_index, value, expiry);
        self.counted(Action::CompareAndSwap, made)
    }

    /// Removes a file; with `dir` also an empty directory, with `recursive` any.
    ///
    /// # Errors
    /// [`Code::NotFile`], [`Code::DirNotEmpty`], [`Code::KeyNotFound`], [`Code::NotDir`], [`Code::RootReadOnly`].
    pub fn delete(&mut self, path: &str, dir: bool, recursive: bool) -> Result<Arc<Event>, Error> {
        let made = self.delete_inner(&clean(path), dir || recursive, recursive);
        self.counted(Action::Delete, made)
    }

    /// Removes a file whose value and index are these. An empty value and index 0 match any.
    ///
    /// # Errors
    /// As [`Store::compare_and_swap`].
    pub fn compare_and_delete(
        &mut self,
        path: &str,
        prev_value: &str,
        prev_index: u64,
    ) -> Result<Arc<Event>, Error> {
        let path = clean(path);
        let compared = self.compare(&path, prev_value, prev_index);
        let made = compared.map(|()| self.remove(Action::CompareAndDelete, &path));
        self.counted(Action::CompareAndDelete, made)
    }

    /// Removes everything whose time is up at `now`, one event each; by time, then by path.
    pub fn expire(&mut self, now: i64) -> Vec<Arc<Event>> {
        let mut events = Vec::new();
        while let Some((_, path)) = self.expiring.first().filter(|(at, _)| *at <= now).cloned() {
            self.stats.count(Action::Expire, true);
            events.push(self.remove(Action::Expire, &path));
        }
        events
    }

    fn counted(&self, action: Action, made: Result<Arc<Event>, Error>) -> Result<Arc<Event>, Error> {
        self.stats.count(action, made.is_ok());
        made
    }

    fn find(&self, path: &str) -> Result<&Node, Error> {
        self.root.find(path).map_err(|miss| miss.into_error(self.index))
    }

    fn refuse_root(&self, path: &str) -> Result<(), Error> {
        if path == "/" { Err(self.error(Code::RootReadOnly, "/")) } else { Ok(()) }
    }

    fn set_inner(
        &mut self,
        path: String,
        dir: bool,
        value: &str,
        expiry: Expiry,
    ) -> Result<Arc<Event>, Error> {
        let now = match self.find(&path) {
            Ok(node) => node.value().cloned(),
            Err(error) if error.code == Code::KeyNotFound && !expiry.refresh => None,
            Err(error) => return Err(error),
        };
        let kept = now.filter(|_| expiry.refresh);
        self.make(Action::Set, path, dir, kept.as_deref().unwrap_or(value), expiry)
    }

    /// Makes a node, and for [`Action::Set`] over a file.
    fn make(
        &mut self,
        action: Action,
        path: String,
        dir: bool,
        value: &str,
        expiry: Expiry,
    ) -> Result<Arc<Event>, Error> {
        self.refuse_root(&path)?;
        let (missing, old) = self.place(&path)?;
        if let Some(old) = &old {
            match action {
                Action::Set if old.dir => return Err(self.error(Code::NotFile, path)),
                Action::Set => {}
                _ => return Err(self.error(Code::NodeExist, path)),
            }
        }
        let value = if dir { "" } else { value };
        let new =
            Usage { nodes: missing.len() + usize::from(old.is_none()), bytes: path.len() + value.len() };
        self.check_limits(&path, value, new, missing.iter().map(String::len).sum())?;
        let expires = expiry.at.filter(|at| *at >= EARLIEST_EXPIRY);
        let index = self.index + 1;
        let node = if dir { Node::dir(index, expires) } else { Node::file(value.into(), index, expires) };
        let view = node.view(&path);
        self.make_directories(&missing, index);
        self.put(&path, node);
        Ok(self.publish(Event { action, node: view, prev: old, refresh: expiry.refresh }, &[]))
    }

    /// The directories that are missing on the way to `path`, and what is there.
    fn place(&self, path: &str) -> Result<(Vec<String>, Option<NodeView>), Error> {
        let (parent, _) = path::split(path);
        let mut missing = Vec::new();
        for directory in path::prefixes(if parent.is_empty() { "/" } else { parent }) {
            match self.find(directory) {
                Ok(node) if node.is_dir() => {}
                Ok(_) => return Err(self.error(Code::NotDir, directory)),
                Err(_) => missing.push(directory.to_owned()),
            }
        }
        let old = self.root.find(path).ok().map(|node| node.view(path));
        Ok((missing, old))
    }

    fn check_limits(&self, path: &str, value: &str, new: Usage, more_bytes: usize) -> Result<(), Error> {
        let limits = &self.limits;
        let exceeded = if path::names(path).count() > limits.depth {
            format!("the path has more than {} names", limits.depth)
        } else if path.len() > limits.path_bytes {
            format!("the path is longer than {} bytes", limits.path_bytes)
        } else if value.len() > limits.value_bytes {
            format!("the value is longer than {} bytes", limits.value_bytes)
        } else if self.usage.nodes + new.nodes > limits.nodes {
            format!("the v2 store is full: it holds {} keys", self.usage.nodes)
        } else if self.usage.bytes + new.bytes + more_bytes > limits.bytes {
            format!("the v2 store is full: it holds {} bytes", self.usage.bytes)
        } else {
            return Ok(());
        };
        Err(self.error(Code::RaftInternal, format!("etcdserver: {exceeded}")))
    }

    fn make_directories(&mut self, missing: &[String], index: u64) {
        for path in missing {
            self.put(path, Node::dir(index, None));
        }
    }

    /// Puts a node in a directory that is there, in the place of what was there.
    fn put(&mut self, path: &str, node: Node) {
        self.forget(path);
        self.remember(path, &node);
        self.changes.push(rows::put_node(path, &node));
        let (parent, name) = path::split(path);
        let directory = Arc::make_mut(&mut self.root).find_mut(parent).and_then(Node::children_mut);
        let children = directory.unwrap_or_else(|| unreachable!("{parent} was checked to be a directory"));
        children.insert(name.into(), Arc::new(node));
    }

    /// Counts a node that comes.
    fn remember(&mut self, path: &str, node: &Node) {
        self.usage.nodes += 1;
        self.usage.bytes += size(path, node);
        if let Some(at) = node.expires {
            self.expiring.insert((at, path.to_owned()));
        }
    }

    /// Counts out the node at `path`, if there is one.
    fn forget(&mut self, path: &str) {
        let Ok(node) = self.root.find(path) else { return };
        self.usage.nodes -= 1;
        self.usage.bytes -= size(path, node);
        if let Some(at) = node.expires {
            self.expiring.remove(&(at, path.to_owned()));
        }
    }

    fn update_inner(&mut self, path: &str, value: &str, expiry: Expiry) -> Result<Arc<Event>, Error> {
        self.refuse_root(path)?;
        let node = self.find(path)?;
        if node.is_dir() && !value.is_empty() {
            return Err(self.error(Code::NotFile, path));
        }
        self.change(Action::Update, path, value, expiry)
    }

    fn swap_inner(
        &mut self,
        path: &str,
        prev_value: &str,
        prev_index: u64,
        value: &str,
        expiry: Expiry,
    ) -> Result<Arc<Event>, Error> {
        self.refuse_root(path)?;
        self.compare(path, prev_value, prev_index)?;
        self.change(Action::CompareAndSwap, path, value, expiry)
    }

    /// Gives a node that is there a value, unless it is a directory or `expiry` refreshes, and a time to live.
    fn change(
        &mut self,
        action: Action,
        path: &str,
        value: &str,
        expiry: Expiry,
    ) -> Result<Arc<Event>, Error> {
        let old = self.find(path)?;
        let prev = old.view(path);
        let mut node = old.clone();
        let index = self.index + 1;
        node.expires = expiry.at;
        // A directory keeps its index: etcd writes no value to it.
        if let Content::File(content) = &mut node.content {
            node.modified = index;
            if !expiry.refresh {
                let used = Usage { nodes: 0, bytes: value.len().saturating_sub(content.len()) };
                *content = value.into();
                self.check_limits(path, value, used, 0)?;
            }
        }
        let view = NodeView { modified: index, ..node.view(path) };
        self.put(path, node);
        Ok(self.publish(Event { action, node: view, prev: Some(prev), refresh: expiry.refresh }, &[]))
    }

    fn compare(&self, path: &str, prev_value: &str, prev_index: u64) -> Result<(), Error> {
        let node = self.find(path)?;
        let Some(value) = node.value() else {
            // etcd names the root by an empty path, which it leaves out.
            return Err(self.error(Code::NotFile, if path == "/" { "" } else { path }));
        };
        let index = node.modified;
        let same_value = prev_value.is_empty() || **value == *prev_value;
        let same_index = prev_index == 0 || index == prev_index;
        let cause = match (same_value, same_index) {
            (true, true) => return Ok(()),
            (false, true) => format!("[{prev_value} != {value}]"),
            (true, false) => format!("[{prev_index} != {index}]"),
            (false, false) => format!("[{prev_value} != {value}] [{prev_index} != {index}]"),
        };
        Err(self.error(Code::TestFailed, cause))
    }

    fn delete_inner(&mut self, path: &str, dir: bool, recursive: bool) -> Result<Arc<Event>, Error> {
        self.refuse_root(path)?;
        let node = self.find(path)?;
        if let Some(children) = node.children() {
            if !dir {
                return Err(self.error(Code::NotFile, path));
            }
            if !children.is_empty() && !recursive {
                return Err(self.error(Code::DirNotEmpty, path));
            }
        }
        Ok(self.remove(Action::Delete, path))
    }

    /// Removes a node that is there, with all below it.
    fn remove(&mut self, action: Action, path: &str) -> Arc<Event> {
        let (parent, name) = path::split(path);
        let directory = Arc::make_mut(&mut self.root).find_mut(parent).and_then(Node::children_mut);
        let node = directory
            .and_then(|children| children.remove(name))
            .unwrap_or_else(|| unreachable!("{path} was checked to be there"));
        let mut removed = Vec::new();
        node.walk(path, &mut |path, node| {
            self.usage.nodes -= 1;
            self.usage.bytes -= size(path, node);
            if let Some(at) = node.expires {
                self.expiring.remove(&(at, path.to_owned()));
            }
            self.changes.push(rows::delete_node(path));
            removed.push(path.to_owned());
        });
        let view = NodeView {
            key: path.to_owned(),
            dir: node.is_dir(),
            modified: self.index + 1,
            created: node.created,
            ..NodeView::default()
        };
        self.publish(Event { action, node: view, prev: Some(node.view(path)), refresh: false }, &removed)
    }
}
