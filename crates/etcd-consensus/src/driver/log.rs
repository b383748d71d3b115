//! What a driver needs of the log.

use std::time::Duration;

use etcd_proto::{raftpb, walpb};
use etcd_wal::{AppendError, ReleaseError, Wal};

/// A durable log. Used by the `wal` thread alone.
pub trait Log: Send + 'static {
    /// Appends in one write, and syncs when `sync`; returns how much that was, and how long it took.
    ///
    /// # Errors
    /// The member stops: what is on the disk is unknown.
    fn append(&mut self, rounds: &[Round<'_>], sync: bool) -> Result<Appended, AppendError>;

    /// Puts a snapshot mark, durably.
    ///
    /// # Errors
    /// As [`Log::append`].
    fn save_mark(&mut self, mark: &raftpb::SnapshotMetadata) -> Result<(), AppendError>;

    /// Lets what is wholly before `index` go.
    ///
    /// # Errors
    /// Nothing is lost; space is not freed.
    fn release_to(&mut self, index: u64) -> Result<(), ReleaseError>;
}

/// What an append wrote, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// Bytes written.
    pub bytes: u64,
    /// The write.
    pub write: Duration,
    /// The sync, if there was one.
    pub sync: Option<Duration>,
}

/// What one round adds.
pub use etcd_wal::Round;

impl Log for Wal {
    fn append(&mut self, rounds: &[Round<'_>], sync: bool) -> Result<Appended, AppendError> {
        self.append_many(rounds, sync).map(|written| Appended {
            bytes: written.bytes,
            write: written.write,
            sync: written.sync,
        })
    }

    fn save_mark(&mut self, mark: &raftpb::SnapshotMetadata) -> Result<(), AppendError> {
        let mark =
            walpb::Snapshot { index: mark.index, term: mark.term, conf_state: mark.conf_state.clone() };
        Self::save_mark(self, &mark).map(|_| ())
    }

    fn release_to(&mut self, index: u64) -> Result<(), ReleaseError> {
        Self::release_to(self, index).map(|_| ())
    }
}
