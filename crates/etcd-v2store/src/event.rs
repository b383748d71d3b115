//! What a request did, or what is there.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::json;

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// It was read; no write.
    Get,
    /// It was made, and was not there before.
    Create,
    /// It was made anew, over what was there.
    Set,
    /// Its value or its time to live was changed.
    Update,
    /// It was removed.
    Delete,
    /// Its value was changed after a comparison.
    CompareAndSwap,
    /// It was removed after a comparison.
    CompareAndDelete,
    /// Its time was up.
    Expire,
}

impl Action {
    /// Every action, in the order of their numbers in stored rows.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Create,
        Self::Set,
        Self::Update,
        Self::Delete,
        Self::CompareAndSwap,
        Self::CompareAndDelete,
        Self::Expire,
    ];

    /// The name that clients see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create => "create",
            Self::Set => "set",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::CompareAndSwap => "compareAndSwap",
            Self::CompareAndDelete => "compareAndDelete",
            Self::Expire => "expire",
        }
    }
}

/// A read or a write, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What was done.
    pub action: Action,
    /// The node then.
    pub node: NodeView,
    /// The node before, where there was one.
    pub prev: Option<NodeView>,
    /// The write only gave a time to live: watchers do not see it.
    pub refresh: bool,
}

/// A node as clients see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeView {
    /// Its path; empty for the root.
    pub key: String,
    /// Of a file; none for a directory, and after a removal.
    pub value: Option<Arc<str>>,
    /// Whether it is a directory.
    pub dir: bool,
    /// When it goes, in nanoseconds since 1970.
    pub expires: Option<i64>,
    /// The entries of a directory that is listed, by name.
    pub nodes: Vec<Self>,
    /// The index of its last change.
    pub modified: u64,
    /// The index that it was made at.
    pub created: u64,
}

impl Event {
    /// The index of the event.
    pub fn index(&self) -> u64 {
        self.node.modified
    }

    /// Whether something came to be that was not there; HTTP answers 201 then.
    pub fn is_created(&self) -> bool {
        self.action == Action::Create || (self.action == Action::Set && self.prev.is_none())
    }

    /// The body that clients read, without the newline that ends it. Times to live count from `now`.
    pub fn to_json(&self, now: i64) -> String {
        let mut text = format!("{{\"action\":\"{}\",\"node\":", self.action.name());
        self.node.write_json(&mut text, now);
        if let Some(prev) = &self.prev {
            text.push_str(",\"prevNode\":");
            prev.write_json(&mut text, now);
        }
        if self.refresh {
            text.push_str(",\"refresh\":true");
        }
        text.push('}');
        text
    }

    /// The same for a write whose client does not want to see what it sent.
    pub fn to_json_without_nodes(&self) -> String {
        let refresh = if self.refresh { ",\"refresh\":true" } else { "" };
        format!("{{\"action\":\"{}\"{refresh}}}", self.action.name())
    }

    /// Bytes of what it holds.
    pub(crate) fn size(&self) -> usize {
        self.node.size() + self.prev.as_ref().map_or(0, NodeView::size)
    }
}

impl NodeView {
    fn size(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, |value| value.len())
    }

    fn write_json(&self, out: &mut String, now: i64) {
        let mut fields = Fields { out, is_first: true };
        if !self.key.is_empty() {
            json::string(fields.next("key"), &self.key);
        }
        if let Some(value) = &self.value {
            json::string(fields.next("value"), value);
        }
        if self.dir {
            fields.next("dir").push_str("true");
        }
        if let Some(expires) = self.expires {
            json::time(fields.next("expiration"), expires);
            fields.number("ttl", u64::try_from(json::ttl(expires, now)).unwrap_or_default());
        }
        if !self.nodes.is_empty() {
            let out = fields.next("nodes");
            for (at, node) in self.nodes.iter().enumerate() {
                out.push(if at == 0 { '[' } else { ',' });
                node.write_json(out, now);
            }
            out.push(']');
        }
        fields.number("modifiedIndex", self.modified);
        fields.number("createdIndex", self.created);
        if fields.is_first {
            out.push('{');
        }
        out.push('}');
    }
}

/// The fields of an object that is being written.
struct Fields<'a> {
    out: &'a mut String,
    is_first: bool,
}

impl Fields<'_> {
    fn next(&mut self, name: &str) -> &mut String {
        self.out.push(if self.is_first { '{' } else { ',' });
        self.is_first = false;
        let _infallible = write!(self.out, "\"{name}\":");
        self.out
    }

    /// Writes a number, unless it is 0.
    fn number(&mut self, name: &str, number: u64) {
        if number != 0 {
            let _infallible = write!(self.next(name), "{number}");
        }
    }
}
