//! The key tree of etcd's v2 API: files, directories, time to live, compare-and-swap, history and waits.
//!
//! A [`Store`] takes one write after the other and gives each an index; [`Store::view`] is the tree at one moment,
//! read without the store. [`Store::watch`] hands later events, and earlier ones out of a bounded history, to a
//! [`Sink`] that the caller brings. [`Store::take_changes`] says what a write changed as rows of a database, and
//! [`Store::restore`] builds the store from such rows.
//!
//! Invariants:
//! - it is pure: no I/O, no clock, no randomness. Equal calls make equal stores, so a replicated log may drive it;
//! - every successful write has its own index and exactly one event; a refused one has neither;
//! - everything is bounded by [`Limits`]: nodes, bytes, depth, history, waits.
//!
//! Paths are Go's: `/a/b`, cleaned as `path.Clean` does. Times are nanoseconds since 1970.
//!
//! # Source
//! etcd 3.4 `etcdserver/api/v2store` and `v2error` for behaviour, texts and numbers.
//!
//! ```
//! use etcd_v2store::{Expiry, Limits, Store};
//!
//! let mut store = Store::new(Limits::default());
//! store.create("/members/a", false, "http://10.0.1.10:2380", false, Expiry::NEVER)?;
//! let refused = store.create("/members/a", false, "again", false, Expiry::NEVER).unwrap_err();
//! assert_eq!(refused.to_json(), r#"{"errorCode":105,"message":"Key already exists","cause":"/members/a","index":4}"#);
//! # Ok::<(), etcd_v2store::Error>(())
//! ```

mod error;
mod event;
mod history;
mod hub;
mod json;
mod limits;
mod node;
mod path;
mod rows;
mod stats;
mod store;

#[cfg(test)]
mod tests;

pub use error::{Code, Error};
pub use event::{Action, Event, NodeView};
pub use hub::{Sink, Watch, WatchId, WatchOptions};
pub use limits::Limits;
pub use path::clean;
pub use rows::{Change, RestoreError};
pub use stats::{Counts, Stats};
pub use store::{Expiry, FIRST_INDEX, Store, View};
