//! Rows that no store has written.

use etcd_proto::prost::Message as _;
use etcd_storage::{Batch, Bucket};

use super::*;
use crate::OpenError;
use crate::restore::{FINISHED, SCHEDULED, compaction_row};

fn open_with(bucket: Bucket, key: Vec<u8>, value: Vec<u8>) -> Result<i64, OpenError> {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage(&dir.path().join("db"));
    let mut batch = Batch::new(1);
    batch.put(bucket, key, value);
    storage.write(batch).unwrap();
    Store::open(storage, options()).map(|(store, _)| store.revision())
}

fn pair(create_revision: i64, version: i64) -> Vec<u8> {
    KeyValue { key: bytes("a"), create_revision, version, ..KeyValue::default() }.encode_to_vec()
}

#[test]
fn what_counts_too_far_to_count_on_is_refused() {
    for (main, created, version, is_sound) in [
        (7, 7, 1, true),
        (7, 0, 0, true),
        (i64::MAX, 7, 1, false),
        (7, i64::MAX, 1, false),
        (7, 7, i64::MAX, false),
        (7, -1, 1, false),
        (7, 7, -1, false),
    ] {
        let opened = open_with(Bucket::KEY, compaction_row(main), pair(created, version));
        match opened {
            Ok(revision) => assert!(is_sound && revision == 7, "{main} {created} {version}"),
            Err(OpenError::Row { .. }) => assert!(!is_sound, "{main} {created} {version}"),
            Err(error) => panic!("{error:?}"),
        }
    }
    for name in [SCHEDULED, FINISHED] {
        let opened = open_with(Bucket::META, name.into(), compaction_row(i64::MAX));
        assert!(matches!(opened, Err(OpenError::Row { .. })), "{name}");
    }
}
