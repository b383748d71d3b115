//! What can go wrong, one type for each operation.

use etcd_storage::ReadError;

/// A read was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// The revision asked for is older than the compaction.
    #[error("mvcc: required revision has been compacted")]
    Compacted,
    /// The revision asked for does not exist yet.
    #[error("mvcc: required revision is a future revision")]
    FutureRevision,
    /// The row of a revision is gone, as happens while a received database takes the place of the current one: another
    /// attempt may succeed.
    #[error("row of revision {main}_{sub} is missing")]
    Missing {
        /// The transaction.
        main: i64,
        /// The change within it.
        sub: u32,
    },
    /// The row of a revision is damaged.
    #[error("row of revision {main}_{sub} is damaged")]
    Damaged {
        /// The transaction.
        main: i64,
        /// The change within it.
        sub: u32,
    },
    /// The storage could not be read.
    #[error("could not read the key space")]
    Storage(#[from] ReadError),
}

/// An operation of a write transaction was refused, and changed nothing; or it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A put that keeps the old value or lease found no key.
    #[error("etcdserver: key not found")]
    KeyNotFound,
    /// A put in a transaction names a lease that does not exist.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// A read in the transaction is refused, or a read failed.
    #[error(transparent)]
    Range(#[from] RangeError),
}

/// A compaction was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// It is compacted up to there already.
    #[error("mvcc: required revision has been compacted")]
    Compacted,
    /// The revision does not exist yet.
    #[error("mvcc: required revision is a future revision")]
    FutureRevision,
}

/// The storage took nothing of a transaction; it stopped or was closed.
#[derive(Debug, thiserror::Error)]
#[error("could not store revision {revision}")]
pub struct CommitError {
    /// The revision that was not written.
    pub revision: i64,
    /// Why.
    pub source: etcd_storage::WriteError,
}

/// The key space could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The storage could not be read.
    #[error("could not read the key space")]
    Storage(#[from] ReadError),
    /// A row is not one of ours.
    #[error("bad row in bucket {bucket}: key {key:02x?}")]
    Row {
        /// The bucket's name.
        bucket: &'static str,
        /// The row's key.
        key: Vec<u8>,
    },
    /// The compaction thread could not be started.
    #[error("could not start the compaction thread")]
    Thread(#[source] std::io::Error),
}

impl RangeError {
    /// Whether every member that runs the same request on the same state gets this error.
    ///
    /// The others are trouble of this member: a member that meets one while it applies the log must stop.
    pub fn is_deterministic(&self) -> bool {
        matches!(self, Self::Compacted | Self::FutureRevision)
    }
}

impl WriteError {
    /// Whether every member that runs the same request on the same state gets this error.
    ///
    /// The others are trouble of this member: a member that meets one while it applies the log must stop.
    pub fn is_deterministic(&self) -> bool {
        match self {
            Self::KeyNotFound | Self::LeaseNotFound => true,
            Self::Range(error) => error.is_deterministic(),
        }
    }
}
