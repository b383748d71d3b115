//! The store as rows of a database.
//!
//! ```text
//! 'n' path            → created u64, modified u64, expires i64, kind u8 (0 file, 1 directory), value
//! 'e' slot u16        → an event; its slot is its index modulo the length of the history
//!
//! event: action u8, flags u8 (1 refresh, 2 previous node), node [, node]
//! node:  created u64, modified u64, expires i64, kind u8 (as above; 2 no value), path length u32, path,
//!        value length u32, value
//! ```
//!
//! Numbers are big-endian; `expires` is `i64::MIN` for what stays.

use std::sync::Arc;

use crate::event::{Action, Event, NodeView};
use crate::node::{Content, Node};

const NODE: u8 = b'n';
const EVENT: u8 = b'e';
const FILE: u8 = 0;
const DIR: u8 = 1;
const NO_VALUE: u8 = 2;
const FOREVER: i64 = i64::MIN;
const REFRESH: u8 = 1;
const HAS_PREV: u8 = 2;

/// A row to put, or, without a value, to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The row's key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

/// Rows that no store has written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A row cannot be read.
    #[error("malformed row {key:?} of the v2 store")]
    Malformed {
        /// The row's key, as text.
        key: String,
    },
    /// A node lies in a directory that is not there.
    #[error("node {path:?} of the v2 store has no directory")]
    Orphan {
        /// Of the node.
        path: String,
    },
    /// Events are missing.
    #[error("the history of the v2 store has a gap")]
    Gap,
}

pub(crate) fn put_node(path: &str, node: &Node) -> Change {
    let mut value = Vec::with_capacity(25 + node.value().map_or(0, |value| value.len()));
    value.extend(node.created.to_be_bytes());
    value.extend(node.modified.to_be_bytes());
    value.extend(node.expires.unwrap_or(FOREVER).to_be_bytes());
    match &node.content {
        Content::File(content) => {
            value.push(FILE);
            value.extend(content.as_bytes());
        }
        Content::Dir(_) => value.push(DIR),
    }
    Change { key: node_key(path), value: Some(value) }
}

pub(crate) fn delete_node(path: &str) -> Change {
    Change { key: node_key(path), value: None }
}

pub(crate) fn put_event(event: &Event, capacity: usize) -> Change {
    let mut value = vec![event.action as u8];
    let prev = if event.prev.is_some() { HAS_PREV } else { 0 };
    value.push(prev | if event.refresh { REFRESH } else { 0 });
    write_view(&mut value, &event.node);
    event.prev.iter().for_each(|prev| write_view(&mut value, prev));
    Change { key: event_key(event.index(), capacity), value: Some(value) }
}

pub(crate) fn delete_event(index: u64, capacity: usize) -> Change {
    Change { key: event_key(index, capacity), value: None }
}

/// One row, read.
pub(crate) enum Row {
    Node(String, Node),
    Event(Event),
}

impl Row {
    pub(crate) fn parse(key: &[u8], value: &[u8]) -> Option<Self> {
        let mut input = Input(value);
        match key.split_first()? {
            (&NODE, path) => {
                let path = std::str::from_utf8(path).ok()?.to_owned();
                let (created, modified, expires) = (input.u64()?, input.u64()?, input.expires()?);
                let content = match input.u8()? {
                    FILE => Content::File(std::str::from_utf8(input.0).ok()?.into()),
                    DIR if input.0.is_empty() => Content::Dir(Default::default()),
                    _ => return None,
                };
                Some(Self::Node(path, Node { created, modified, expires, content }))
            }
            (&EVENT, _slot) => {
                let action = *Action::ALL.get(usize::from(input.u8()?))?;
                let flags = input.u8()?;
                let node = input.view()?;
                let prev = if flags & HAS_PREV != 0 { Some(input.view()?) } else { None };
                // The next write has the next index.
                let is_whole = input.0.is_empty() && node.modified < u64::MAX;
                is_whole.then_some(Self::Event(Event { action, node, prev, refresh: flags & REFRESH != 0 }))
            }
            _ => None,
        }
    }
}

fn node_key(path: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + path.len());
    key.push(NODE);
    key.extend(path.as_bytes());
    key
}

pub(crate) fn event_key(index: u64, capacity: usize) -> Vec<u8> {
    let slot = index % capacity.clamp(1, usize::from(u16::MAX)) as u64;
    let mut key = vec![EVENT];
    key.extend((slot as u16).to_be_bytes());
    key
}

fn write_view(out: &mut Vec<u8>, view: &NodeView) {
    out.extend(view.created.to_be_bytes());
    out.extend(view.modified.to_be_bytes());
    out.extend(view.expires.unwrap_or(FOREVER).to_be_bytes());
    out.push(match (&view.value, view.dir) {
        (Some(_), _) => FILE,
        (None, true) => DIR,
        (None, false) => NO_VALUE,
    });
    write_text(out, &view.key);
    write_text(out, view.value.as_deref().unwrap_or_default());
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_be_bytes());
    out.extend(text.as_bytes());
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn expires(&mut self) -> Option<Option<i64>> {
        let nanos = self.take().map(i64::from_be_bytes)?;
        Some((nanos != FOREVER).then_some(nanos))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_be_bytes(self.take()?) as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn view(&mut self) -> Option<NodeView> {
        let (created, modified, expires) = (self.u64()?, self.u64()?, self.expires()?);
        let kind = self.u8()?;
        let (key, value) = (self.text()?.to_owned(), Arc::<str>::from(self.text()?));
        let value = (kind == FILE).then_some(value);
        Some(NodeView { key, value, dir: kind == DIR, expires, nodes: Vec::new(), modified, created })
    }
}
