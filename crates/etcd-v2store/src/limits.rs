//! How large a store may get.

/// Bounds of one store. Members that share a log must share them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files and directories, without the root.
    pub nodes: usize,
    /// Bytes of all paths and values together.
    pub bytes: usize,
    /// Names in one path.
    pub depth: usize,
    /// Bytes of one path.
    pub path_bytes: usize,
    /// Bytes of one value.
    pub value_bytes: usize,
    /// Events that are kept.
    pub history: usize,
    /// Bytes of the values and paths in kept events.
    pub history_bytes: usize,
    /// Waits at the same time; these are local to a member.
    pub watchers: usize,
}

impl Default for Limits {
    /// The history is etcd's; etcd bounds nothing else.
    fn default() -> Self {
        Self {
            nodes: 1 << 18,
            bytes: 256 << 20,
            depth: 64,
            path_bytes: 4 << 10,
            value_bytes: 1 << 20,
            history: 1000,
            history_bytes: 64 << 20,
            watchers: 16 << 10,
        }
    }
}
