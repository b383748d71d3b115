//! etcd's key space: every key with every version since the last compaction.
//!
//! A [`Store`] answers reads from any thread. The one [`Writer`] belongs to the thread that applies the replicated log:
//! each log entry is one [`WriteTxn`], all its changes share one revision, and they become visible together when it
//! commits. The index of keys is in memory; values are rows of the storage, keyed by revision.
//!
//! Invariants:
//! - A reader at the current revision always finds both the index entry and the row: a transaction enters the index,
//!   then the storage, and only then moves the current revision.
//! - An operation that fails, and a transaction that is dropped, leave nothing behind.
//! - The same operations give the same revisions, responses and events on every member. Nothing here reads a clock to
//!   decide anything.
//! - A read at a revision is valid to its end, even if a compaction passes it: physical removal waits for readers.
//! - Rows, and so [`Store::hash_kv`], are bit for bit those of Go etcd.
//!
//! It does not know leases (a lease is a number on a key), permissions, or members: response headers carry the revision
//! only. Requests are validated before they come here.
//!
//! ```
//! use etcd_mvcc::{Options, Store};
//! use etcd_proto::etcdserverpb::{PutRequest, RangeRequest};
//! use etcd_storage::Storage;
//!
//! let dir = tempfile::tempdir()?;
//! let storage = Storage::open(etcd_storage::Options::new(dir.path().join("db")))?;
//! let (store, mut writer) = Store::open(storage, Options::default())?;
//!
//! let mut txn = writer.begin(1);
//! txn.put(&PutRequest { key: "foo".into(), value: "bar".into(), ..PutRequest::default() })?;
//! let committed = txn.commit()?;
//! assert_eq!((committed.revision, committed.events.len()), (2, 1));
//!
//! let (response, revision) = store.range(&RangeRequest { key: "foo".into(), ..RangeRequest::default() })?;
//! assert_eq!((response.count, revision), (1, 2));
//! assert_eq!(response.kvs[0].value, "bar");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compaction;
mod compactor;
mod error;
mod hash;
mod history;
mod index;
mod key_index;
mod listener;
mod pins;
mod queue;
mod range;
mod reader;
mod restore;
mod revision;
mod stats;
mod store;
mod txn;
mod view;
mod write;

#[cfg(test)]
mod tests;

pub use compaction::Compaction;
pub use error::{CommitError, CompactError, OpenError, RangeError, WriteError};
pub use hash::HashKv;
pub use history::{History, HistoryLimit};
pub use listener::Listener;
pub use reader::{Progress, RangeEnd, RangeReader};
pub use stats::Stats;
pub use store::{Options, Store};
pub use txn::is_read_only;
pub use write::{Committed, WriteTxn, Writer};
