//! Watchers: whoever wants to know what becomes of keys, from now on or from a revision of the past.
//!
//! A [`Hub`] listens to one [`etcd_mvcc::Store`]. A [`Stream`] is one consumer with any number of watchers; everything
//! that is for it comes out of [`Stream::poll_batch`] in one order. A watcher is *synced* while each commit is handed to
//! it at once. It is *catching up* while it reads older revisions, which a thread of the hub does for it: after it was
//! created in the past, after the store was replaced, or because its stream was full.
//!
//! Invariants:
//! - A watcher sees every change in its range from its first revision on, once, in order, all of a revision together.
//! - A revision is announced as seen ([`Response::Progress`]) after every change up to it, because both take the same
//!   queue.
//! - What a stream holds is bounded, whoever reads it slowly: its watchers then miss commits and read them from the
//!   store later. Nobody waits for them.
//! - An event is encoded once, whoever gets it.
//! - A commit costs the log two look-ups and a short critical section for each change, and one push for each watcher
//!   that gets it; nothing while there are no watchers.
//!
//! It knows no permissions, no headers beyond the revision, and no protocol.
//!
//! ```
//! use etcd_mvcc::Store;
//! use etcd_proto::etcdserverpb::PutRequest;
//! use etcd_storage::Storage;
//! use etcd_watch::{Hub, Options, Response, Watch};
//!
//! let dir = tempfile::tempdir()?;
//! let storage = Storage::open(etcd_storage::Options::new(dir.path().join("db")))?;
//! let (store, mut writer) = Store::open(storage, etcd_mvcc::Options::default())?;
//! let hub = Hub::start(store, Options::default())?;
//!
//! let stream = hub.stream();
//! let id = stream.watch(Watch { key: "foo".into(), ..Watch::default() })?;
//! let mut txn = writer.begin(1);
//! txn.put(&PutRequest { key: "foo".into(), value: "bar".into(), ..PutRequest::default() })?;
//! txn.commit()?;
//!
//! let responses = futures_util::future::FutureExt::now_or_never(stream.batch()).expect("it is there")?;
//! let [Response::Created { .. }, Response::Events(events)] = responses.as_slices().0 else { panic!("{responses:?}") };
//! assert_eq!((events.id, events.revision, events.events.len()), (id, 2, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catch_up;
mod core;
mod event;
mod hub;
mod index;
mod outbox;
mod response;
mod stream;
mod watch;

#[cfg(test)]
mod tests;

pub use event::Event;
pub use hub::{Hub, Options, StartError, Stats};
pub use outbox::End;
pub use response::{ALL_WATCHERS, Events, Response};
pub use stream::Stream;
pub use watch::{Filters, Watch, WatchError};
