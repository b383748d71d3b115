//! What can go wrong, one type for each operation.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What the database below us reported.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// A database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle of this one, has the file open.
    #[error("database {path} is in use by another process")]
    Locked {
        /// The database file.
        path: PathBuf,
    },
    /// The file could not be created or opened.
    #[error("could not open database file {path}")]
    File {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else, or is damaged.
    #[error("{path} is not a readable database")]
    NotADatabase {
        /// The database file.
        path: PathBuf,
        /// What the reader stumbled on.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file was written by a version whose layout this one does not know.
    #[error("database {path} has format version {found}, want {supported}")]
    Format {
        /// The database file.
        path: PathBuf,
        /// The version in the file.
        found: u64,
        /// The version that this code reads and writes.
        supported: u64,
    },
    /// Reading or preparing the database failed.
    #[error("could not prepare database {path}")]
    Prepare {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The committer thread could not be started.
    #[error("could not start the commit thread")]
    Thread {
        /// Why.
        source: io::Error,
    },
}

/// A batch was not accepted, or a commit failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// An earlier commit failed; the process has to restart.
    #[error("storage stopped after a failed commit: {reason}")]
    Failed {
        /// What the commit failed with.
        reason: Arc<str>,
    },
    /// The storage was closed.
    #[error("storage is closed")]
    Closed,
}

/// A row could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The database could not be read.
    #[error("could not read bucket {bucket}")]
    Database {
        /// The bucket's name.
        bucket: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The storage was closed.
    #[error("storage is closed")]
    Closed,
}

/// A snapshot could not be taken or sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// What was buffered could not be committed first.
    #[error("could not commit before the snapshot")]
    Commit(#[from] WriteError),
    /// The database could not be read.
    #[error("could not read the snapshot")]
    Read(#[from] ReadError),
    /// The receiver did not take the stream.
    #[error("could not send the snapshot")]
    Send {
        /// Why.
        source: io::Error,
    },
    /// A row is larger than the stream format allows.
    #[error("row of {bytes} bytes in bucket {bucket} is too large for a snapshot")]
    RowTooLarge {
        /// The bucket's name.
        bucket: &'static str,
        /// Size of key and value.
        bytes: usize,
    },
}

/// A snapshot stream was refused. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The stream broke off or could not be read.
    #[error("could not read the snapshot stream after {offset} bytes")]
    Stream {
        /// How much had been read.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The stream does not begin as a snapshot does.
    #[error("the stream is not a snapshot")]
    NotASnapshot,
    /// The stream has a layout that this code does not know.
    #[error("snapshot has format version {found}, want {supported}")]
    Format {
        /// The version in the stream.
        found: u32,
        /// The version that this code reads and writes.
        supported: u32,
    },
    /// The stream contradicts itself.
    #[error("bad snapshot frame at byte {offset}: {what}")]
    Frame {
        /// Where the frame begins.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The stream was altered on its way.
    #[error("snapshot checksum is {found:08x}, want {want:08x}")]
    Checksum {
        /// The checksum of what arrived.
        found: u32,
        /// The checksum that the sender wrote.
        want: u32,
    },
    /// The database file could not be created.
    #[error("could not write received database {path}")]
    File {
        /// The new file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database could not be written.
    #[error("could not store the snapshot in {path}")]
    Store {
        /// The new file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A received database could not take the place of the current one, which stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// The new database could not be opened.
    #[error("could not open the new database")]
    Open(#[from] OpenError),
    /// The new file could not be put in place.
    #[error("could not move {from} to {to}")]
    Rename {
        /// The new database file.
        from: PathBuf,
        /// The path of the current one.
        to: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The storage was closed, or an earlier commit failed.
    #[error("storage does not accept a new database")]
    Refused(#[from] WriteError),
}

/// A defragmentation was given up. The database stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefragmentError {
    /// There is one under way already.
    #[error("a defragmentation is running already")]
    Running,
    /// The disk has too little room for a second file.
    #[error("not enough free space beside {path}: {free} bytes, want {need}")]
    NoSpace {
        /// The new file.
        path: PathBuf,
        /// What it takes.
        need: u64,
        /// What there is.
        free: u64,
    },
    /// The new file could not be created or synced.
    #[error("could not write {path}")]
    File {
        /// The new file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The new database could not be written.
    #[error("could not copy the database to {path}")]
    Store {
        /// The new file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The new database could not be opened.
    #[error("could not open the new database")]
    Open(#[from] OpenError),
    /// The new file could not be put in place.
    #[error("could not put the new database in place")]
    Place(#[source] Box<ReplaceError>),
    /// The database was replaced by a received one meanwhile.
    #[error("the database was replaced meanwhile")]
    Replaced,
    /// The database could not be read.
    #[error("could not read the database")]
    Read(#[from] ReadError),
    /// The storage was closed, or a commit failed.
    #[error("storage does not commit")]
    Commit(#[from] WriteError),
}

impl ReadError {
    pub(crate) fn database(bucket: crate::Bucket, source: impl Into<redb::Error>) -> Self {
        Self::Database { bucket: bucket.name(), source: Box::new(source.into()) }
    }
}
