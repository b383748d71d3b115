//! What a log is opened with, and what opening returns.

use std::path::PathBuf;

use etcd_proto::raftpb::{Entry, HardState};
use etcd_proto::walpb;

/// How to keep a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of a segment in bytes; a single larger batch makes it longer.
    pub segment_bytes: u64,
    /// Never sync, and lose acknowledged writes in a crash (etcd's `--unsafe-no-fsync`).
    pub no_sync: bool,
    /// Keep at least so many segments; 0 keeps all (etcd's `--max-wals`).
    pub max_wals: usize,
}

impl Default for Options {
    /// 64 MB segments as etcd has them, synced, five kept.
    fn default() -> Self {
        Self { segment_bytes: 64_000_000, no_sync: false, max_wals: 5 }
    }
}

/// Whose log it is: etcd's `Metadata` message, at the head of each segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The member.
    pub node_id: u64,
    /// Its cluster.
    pub cluster_id: u64,
}

/// What an existing log says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recovered {
    /// Whose log it is.
    pub metadata: Metadata,
    /// The newest committed mark at or before the index asked for.
    pub mark: walpb::Snapshot,
    /// The newest hard state; empty when there is none. Its term is at least that of the last entry.
    pub hard_state: HardState,
    /// The entries after the mark, continuous. Those beyond the commit index may yet be replaced.
    pub entries: Vec<Entry>,
    /// What had to be repaired.
    pub repaired: Option<Repair>,
}

/// A torn write at the end of the log that was removed, or completed where the rest of it told what was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// The segment; its bytes before the repair are in `<path>.broken`.
    pub path: PathBuf,
    /// Where the log ends now, in bytes.
    pub offset: u64,
}
