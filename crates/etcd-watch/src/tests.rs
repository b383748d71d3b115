mod hub;
mod index;
mod model;

use std::collections::VecDeque;
use std::task::{Context, Waker};

use bytes::Bytes;
use etcd_mvcc::{Store, Writer};
use etcd_proto::etcdserverpb::{DeleteRangeRequest, PutRequest};
use etcd_storage::Storage;

use crate::catch_up::{self, Round};
use crate::{Hub, Options, Response, Stream, Watch};

/// A store of its own, and a hub that catches up only when told to.
struct Fixture {
    dir: tempfile::TempDir,
    storage: Storage,
    store: Store,
    writer: Writer,
    hub: Hub,
    mark: u64,
}

impl Fixture {
    fn new(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut storage_options = etcd_storage::Options::new(dir.path().join("db"));
        storage_options.no_sync = true;
        storage_options.cache_bytes = 4 << 20;
        let storage = Storage::open(storage_options).unwrap();
        let (store, writer) = Store::open(storage.clone(), etcd_mvcc::Options::default()).unwrap();
        let hub = Hub::without_thread(store.clone(), options).unwrap();
        Self { dir, storage, store, writer, hub, mark: 0 }
    }

    /// One transaction; a key without a value is deleted. Returns its revision.
    fn commit(&mut self, changes: &[(&str, Option<&str>)]) -> i64 {
        self.mark += 1;
        let mut txn = self.writer.begin(self.mark);
        for (key, value) in changes {
            let key = Bytes::copy_from_slice(key.as_bytes());
            match value {
                Some(value) => {
                    let value = Bytes::copy_from_slice(value.as_bytes());
                    txn.put(&PutRequest { key, value, ..PutRequest::default() }).unwrap();
                }
                None => {
                    txn.delete_range(&DeleteRangeRequest { key, ..DeleteRangeRequest::default() }).unwrap();
                }
            }
        }
        txn.commit().unwrap().revision
    }

    fn compact(&mut self, revision: i64) {
        self.mark += 1;
        let mut txn = self.writer.begin(self.mark);
        txn.compact(revision).unwrap();
        txn.commit().unwrap();
    }

    fn catch_up(&self) {
        while catch_up::round(self.hub.inner()) == Round::Done {}
    }
}

/// Takes what is there.
fn take(stream: &Stream) -> VecDeque<Response> {
    let mut batch = VecDeque::new();
    let mut context = Context::from_waker(Waker::noop());
    let _nothing = stream.poll_batch(&mut context, &mut batch);
    batch
}

/// What is there, in short: `3! 5` created and canceled, `id@revision key=value key-` events, `id^revision` progress.
fn shown(stream: &Stream) -> String {
    take(stream).iter().map(show).collect::<Vec<_>>().join(" | ")
}

fn show(response: &Response) -> String {
    match response {
        Response::Created { id, revision } => format!("{id} created at {revision}"),
        Response::Canceled { id, revision } => format!("{id} canceled at {revision}"),
        Response::Refused { reason, revision } => format!("{reason} at {revision}"),
        Response::Compacted { id, compact_revision } => format!("{id} compacted to {compact_revision}"),
        Response::Progress { id, revision } => format!("{id} seen {revision}"),
        Response::Events(events) => {
            let mut text = format!("{}@{}", events.id, events.revision);
            for event in events.events.iter() {
                let pair = event.message().kv.clone().unwrap();
                let (key, value) =
                    (&pair.key.escape_ascii().to_string(), pair.value.escape_ascii().to_string());
                let is_delete = crate::event::is_delete(event.message());
                text += &if is_delete { format!(" {key}-") } else { format!(" {key}={value}") };
            }
            text
        }
    }
}

fn key(key: &str) -> Watch {
    Watch { key: Bytes::copy_from_slice(key.as_bytes()), ..Watch::default() }
}

fn span(start: &str, end: &str) -> Watch {
    Watch { range_end: Bytes::copy_from_slice(end.as_bytes()), ..key(start) }
}
