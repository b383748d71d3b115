//! Snapshot streams: round trips, and every way in which one can be damaged.

use super::{content, open_manual};
use crate::{Batch, Bucket, ReceiveError, Storage, receive};

fn sample(storage: &Storage, rows: u32) {
    let mut batch = Batch::new(42);
    for row in 0..rows {
        batch.put(Bucket::KEY, row.to_be_bytes().to_vec(), vec![7; (row % 5) as usize]);
    }
    batch.put(Bucket::META, "a", "");
    batch.put(Bucket::V2, "", "empty key");
    storage.write(batch).unwrap();
}

fn stream(storage: &Storage) -> Vec<u8> {
    let snapshot = storage.snapshot().unwrap();
    let mut stream = Vec::new();
    let announced = snapshot.encoded_len().unwrap();
    let sent = snapshot.write_to(&mut stream).unwrap();
    assert_eq!((sent, announced), (stream.len() as u64, stream.len() as u64));
    stream
}

#[test]
fn a_received_database_equals_the_sent_one() {
    let dir = tempfile::tempdir().unwrap();
    for rows in [0, 3, 120_000] {
        let storage = open_manual(&dir.path().join(format!("from-{rows}")));
        sample(&storage, rows);
        let stream = stream(&storage);
        let path = dir.path().join(format!("to-{rows}"));
        assert_eq!(receive(&path, &mut stream.as_slice()).unwrap(), 42);
        let received = open_manual(&path);
        assert_eq!(received.durable_mark(), 42);
        assert!(content(&received) == content(&storage));
    }
}

#[test]
fn a_stream_may_be_filled_with_zeros_to_a_whole_block() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_manual(&dir.path().join("db"));
    sample(&storage, 3);
    for (zeros, is_taken) in [(1, true), (511, true), (512, false)] {
        let mut stream = stream(&storage);
        stream.resize(stream.len() + zeros, 0);
        let path = dir.path().join(format!("to-{zeros}"));
        assert_eq!(receive(&path, &mut stream.as_slice()).is_ok(), is_taken, "{zeros}");
    }
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_manual(&dir.path().join("db"));
    sample(&storage, 3);
    let snapshot = storage.snapshot().unwrap();
    let mut batch = Batch::new(43);
    batch.put(Bucket::META, "a", "changed");
    storage.write(batch).unwrap();
    storage.commit().unwrap();
    assert_eq!(snapshot.mark(), 42);
    assert_eq!(snapshot.get(Bucket::META, b"a").unwrap().as_deref(), Some(b"".as_slice()));
}

#[test]
fn a_truncated_stream_is_refused_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_manual(&dir.path().join("db"));
    sample(&storage, 3);
    let stream = stream(&storage);
    for len in 0..stream.len() {
        let path = dir.path().join("received");
        let error = receive(&path, &mut &stream[..len]).unwrap_err();
        assert!(matches!(error, ReceiveError::Stream { .. }), "at {len}: {error:?}");
        assert!(!path.exists(), "at {len}: a file was left");
    }
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open_manual(&dir.path().join("db"));
    sample(&storage, 2);
    let stream = stream(&storage);
    for at in 0..stream.len() {
        for bit in [0, 3, 7] {
            let mut damaged = stream.clone();
            damaged[at] ^= 1 << bit;
            let path = dir.path().join("received");
            let received = receive(&path, &mut damaged.as_slice());
            assert!(received.is_err(), "bit {bit} of byte {at}");
            assert!(!path.exists());
        }
    }
}

#[test]
fn hostile_streams_are_refused_in_bounded_memory() {
    let header = |version: u32| {
        let mut bytes = b"etcd-rs snapshot".to_vec();
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&1u64.to_le_bytes());
        bytes
    };
    let row = |bucket: u8, key_len: u32, value_len: u32| {
        let mut bytes = header(1);
        bytes.push(bucket);
        bytes.extend_from_slice(&key_len.to_le_bytes());
        bytes.extend_from_slice(&value_len.to_le_bytes());
        bytes
    };
    let mut trailing = header(1);
    trailing.push(0);
    trailing.extend_from_slice(&0u64.to_le_bytes());
    trailing.extend_from_slice(&crc32c::crc32c(&trailing).to_le_bytes());
    trailing.push(9);
    let twice = [row(1, 1, 1), b"kv".to_vec(), row(1, 1, 1)[28..].to_vec(), b"kv".to_vec()].concat();
    let check = |stream: Vec<u8>, want: &str| {
        let dir = tempfile::tempdir().unwrap();
        let error = receive(&dir.path().join("db"), &mut stream.as_slice()).unwrap_err();
        assert_eq!(error.to_string(), want);
    };
    check(vec![b'x'; 100], "the stream is not a snapshot");
    check(header(2), "snapshot has format version 2, want 1");
    check(row(200, 0, 0), "bad snapshot frame at byte 28: unknown bucket");
    check(row(1, u32::MAX, 0), "bad snapshot frame at byte 28: key is too long");
    check(row(1, 0, u32::MAX), "bad snapshot frame at byte 28: value is too long");
    check(row(1, 0, 1 << 30), "could not read the snapshot stream after 37 bytes");
    check(twice, "bad snapshot frame at byte 39: rows are out of order");
    check(trailing, "bad snapshot frame at byte 41: bytes after the end");
}

#[test]
fn an_existing_file_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    std::fs::write(&path, "precious").unwrap();
    let storage = open_manual(&dir.path().join("from"));
    let error = receive(&path, &mut stream(&storage).as_slice()).unwrap_err();
    assert!(matches!(error, ReceiveError::File { .. }), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}
