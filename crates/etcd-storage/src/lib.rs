//! Ordered buckets of bytes on redb, behind a write buffer.
//!
//! A [`Batch`] is applied atomically and is visible to readers when [`Storage::write`] returns; a committer thread
//! makes it durable a little later, together with the batch's *mark* (the caller's position in its own log).
//!
//! Invariants:
//! - After a crash the buckets are exactly what they were after the batch of some mark: the one that
//!   [`Storage::durable_mark`] reports when the file is opened again. The caller replays what came after it.
//! - Readers never wait for a commit, and a commit never waits for readers.
//! - Once a commit has failed, nothing is written any more: [`Storage::failed`] says why, and writes are refused.
//! - What is buffered is bounded: a writer that is far ahead of the disk waits in [`Storage::write`].
//!
//! It is not a log: what was written since the last commit is lost in a crash, by design.
//!
//! ```
//! use etcd_storage::{Batch, Bucket, Options, Storage};
//!
//! let dir = tempfile::tempdir()?;
//! let storage = Storage::open(Options::new(dir.path().join("db")))?;
//! let mut batch = Batch::new(7);
//! batch.put(Bucket::META, "term", "3");
//! storage.write(batch)?;
//! assert_eq!(storage.get(Bucket::META, b"term")?.as_deref(), Some(b"3".as_slice()));
//! assert_eq!(storage.commit()?, 7);
//! storage.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backend;
mod batch;
mod bucket;
mod buffer;
mod committer;
mod database;
mod defragment;
mod error;
mod frame;
mod journal;
mod options;
mod read;
mod receive;
mod shared;
mod snapshot;
mod storage;
mod timing;
mod view;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use bucket::Bucket;
pub use defragment::Defragmented;
pub use error::{
    DefragmentError, OpenError, ReadError, ReceiveError, ReplaceError, SnapshotError, WriteError,
};
pub use options::{Faults, Options};
pub use receive::receive;
pub use snapshot::Snapshot;
pub use storage::{Size, Storage};
pub use timing::{COMMIT_BOUNDS_MS, DEFRAGMENT_BOUNDS_MS, SNAPSHOT_BOUNDS_MS};
