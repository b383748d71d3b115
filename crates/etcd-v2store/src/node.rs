//! Files and directories.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::NodeView;
use crate::path;

/// A file or a directory. Cheap to share: a write copies only the path to what it changes, and only while somebody
/// holds an older tree.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) created: u64,
    pub(crate) modified: u64,
    pub(crate) expires: Option<i64>,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    File(Arc<str>),
    Dir(BTreeMap<Box<str>, Arc<Node>>),
}

/// Why a path leads nowhere, and how far it led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Miss {
    NotFound(String),
    NotDir(String),
}

impl Node {
    pub(crate) fn file(value: Arc<str>, index: u64, expires: Option<i64>) -> Self {
        Self { created: index, modified: index, expires, content: Content::File(value) }
    }

    pub(crate) fn dir(index: u64, expires: Option<i64>) -> Self {
        Self { created: index, modified: index, expires, content: Content::Dir(BTreeMap::new()) }
    }

    pub(crate) fn is_dir(&self) -> bool {
        matches!(self.content, Content::Dir(_))
    }

    pub(crate) fn value(&self) -> Option<&Arc<str>> {
        match &self.content {
            Content::File(value) => Some(value),
            Content::Dir(_) => None,
        }
    }

    pub(crate) fn children(&self) -> Option<&BTreeMap<Box<str>, Arc<Self>>> {
        match &self.content {
            Content::File(_) => None,
            Content::Dir(children) => Some(children),
        }
    }

    pub(crate) fn children_mut(&mut self) -> Option<&mut BTreeMap<Box<str>, Arc<Self>>> {
        match &mut self.content {
            Content::File(_) => None,
            Content::Dir(children) => Some(children),
        }
    }

    /// The node at a clean path below this one.
    pub(crate) fn find(&self, path: &str) -> Result<&Self, Miss> {
        let mut node = self;
        let mut end = 0;
        for name in path::names(path) {
            let Some(children) = node.children() else { return Err(Miss::NotDir(path[..end].to_owned())) };
            end += 1 + name.len();
            node = children.get(name).ok_or_else(|| Miss::NotFound(path[..end].to_owned()))?;
        }
        Ok(node)
    }

    /// The same for changing; it must be there.
    pub(crate) fn find_mut<'a>(mut self: &'a mut Self, path: &str) -> Option<&'a mut Self> {
        for name in path::names(path) {
            self = Arc::make_mut(self.children_mut()?.get_mut(name)?);
        }
        Some(self)
    }

    /// Itself and everything below, with paths; a directory comes before its entries.
    pub(crate) fn walk(&self, path: &str, visit: &mut dyn FnMut(&str, &Self)) {
        visit(path, self);
        let base = if path == "/" { "" } else { path };
        for (name, child) in self.children().into_iter().flatten() {
            child.walk(&format!("{base}/{name}"), visit);
        }
    }

    /// Alone, without entries.
    pub(crate) fn view(&self, path: &str) -> NodeView {
        NodeView {
            key: if path == "/" { String::new() } else { path.to_owned() },
            value: self.value().cloned(),
            dir: self.is_dir(),
            expires: self.expires,
            nodes: Vec::new(),
            modified: self.modified,
            created: self.created,
        }
    }

    /// With the entries that are not hidden, and theirs when `recursive`.
    pub(crate) fn list(&self, path: &str, recursive: bool) -> NodeView {
        let base = if path == "/" { "" } else { path };
        let shown = self.children().into_iter().flatten().filter(|(name, _)| !name.starts_with('_'));
        let nodes = shown.map(|(name, child)| {
            let path = format!("{base}/{name}");
            if recursive { child.list(&path, true) } else { child.view(&path) }
        });
        NodeView { nodes: nodes.collect(), ..self.view(path) }
    }
}
