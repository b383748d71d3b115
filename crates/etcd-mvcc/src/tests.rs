//! Tests of the whole crate, through its public face.

mod compaction;
mod damage;
mod history;
mod key_index;
mod model;
mod range;
mod reader;
mod txn;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use etcd_proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest};
use etcd_proto::mvccpb::KeyValue;
use etcd_storage::Storage;

use crate::{Committed, Options, Store, Writer};

fn storage(path: &Path) -> Storage {
    let mut options = etcd_storage::Options::new(path);
    options.no_sync = true;
    options.cache_bytes = 4 << 20;
    Storage::open(options).unwrap()
}

fn options() -> Options {
    Options { compaction_batch_limit: 3, compaction_sleep_interval: Duration::ZERO, ..Options::default() }
}

/// A store of its own.
struct Fixture {
    dir: tempfile::TempDir,
    storage: Storage,
    store: Store,
    writer: Writer,
    mark: u64,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = storage(&dir.path().join("db"));
        let (store, writer) = Store::open(storage.clone(), options()).unwrap();
        Self { dir, storage, store, writer, mark: 0 }
    }

    /// A process that ends and starts again.
    fn reopen(self) -> Self {
        let Self { dir, storage: old, store, writer, mark } = self;
        drop((store, writer));
        old.close().unwrap();
        let storage = storage(&dir.path().join("db"));
        let (store, writer) = Store::open(storage.clone(), options()).unwrap();
        Self { dir, storage, store, writer, mark }
    }

    fn begin(&mut self) -> crate::WriteTxn<'_> {
        self.mark += 1;
        self.writer.begin(self.mark)
    }

    fn put(&mut self, key: &str, value: &str) -> Committed {
        let mut txn = self.begin();
        txn.put(&put(key, value)).unwrap();
        txn.commit().unwrap()
    }

    fn delete(&mut self, key: &str) -> Committed {
        let mut txn = self.begin();
        txn.delete_range(&delete(key, "")).unwrap();
        txn.commit().unwrap()
    }

    fn compact(&mut self, revision: i64) {
        let mut txn = self.begin();
        let compaction = txn.compact(revision).unwrap();
        txn.commit().unwrap();
        assert!(compaction.wait(Duration::from_secs(30)), "the compaction did not end");
    }

    fn get(&self, key: &str) -> Option<KeyValue> {
        self.store.range(&range(key, "")).unwrap().0.kvs.pop()
    }
}

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() }
}

fn delete(key: &str, range_end: &str) -> DeleteRangeRequest {
    DeleteRangeRequest { key: bytes(key), range_end: bytes(range_end), prev_kv: false }
}

fn range(key: &str, range_end: &str) -> RangeRequest {
    RangeRequest { key: bytes(key), range_end: bytes(range_end), ..RangeRequest::default() }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
