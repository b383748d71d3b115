//! The call `Maintenance.Snapshot`: the database in chunks, then their digest.
//!
//! Clients keep the chunks and the digest as one file, and check its length: a whole number of blocks of 512 bytes, as
//! a file of bbolt is, and 32 bytes of SHA-256. What is missing to a whole block is filled with zeros.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use etcd_proto::etcdserverpb::{SnapshotRequest, SnapshotResponse};
use ring::digest;
use tracing::{info, warn};

use crate::api::Shared;
use crate::grpc::{Producer, Rpc, Sink, StreamCall};
use crate::{Error, Replica, SnapshotSource};

/// How much of the database one message holds.
const CHUNK_BYTES: usize = 64 << 10;

/// What the length of the database is a multiple of.
const BLOCK_BYTES: u64 = 512;

/// The call.
pub(crate) struct Saved;

impl<R: Replica> StreamCall<R> for Saved {
    const RPC: Rpc = Rpc::Snapshot;
    type Request = SnapshotRequest;

    fn for_learner(_request: &SnapshotRequest) -> bool {
        true
    }

    async fn prepare(_request: SnapshotRequest, api: &Arc<Shared<R>>) -> Result<Producer, Error> {
        let permit = Arc::clone(&api.snapshots).try_acquire_owned().map_err(|_| Error::TooManyRequests)?;
        let source = api.replica.snapshot().await?;
        Ok(Box::new(move |sink| {
            let sent = send(&*source, sink);
            drop(permit);
            sent
        }))
    }
}

fn send(source: &dyn SnapshotSource, sink: &Sink) -> Result<(), Error> {
    let started = Instant::now();
    let size = source.size();
    info!(size, version = source.version(), "sending database snapshot to client");
    let mut chunks = Chunks::new(size, source.version(), |message| sink.send(&message));
    let written = source.write_to(&mut chunks);
    let finished = match (chunks.refused.take(), written) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(Error::Unknown(format!("etcdserver: {error}").into())),
        (None, Ok(())) => chunks.finish(),
    };
    match &finished {
        Ok(()) => {
            info!(size, took_ms = started.elapsed().as_millis(), "sent database snapshot to client");
        }
        Err(error) => warn!(size, %error, "did not send the database snapshot to its end"),
    }
    finished
}

/// Cuts what is written into messages, and sums it.
struct Chunks<F> {
    send: F,
    version: String,
    /// What is still to come, padding included.
    remaining: u64,
    chunk: BytesMut,
    digest: digest::Context,
    /// Why the client takes no more.
    refused: Option<Error>,
}

impl<F: FnMut(SnapshotResponse) -> Result<(), Error>> Chunks<F> {
    /// For a database of `size` bytes.
    fn new(size: u64, version: String, send: F) -> Self {
        Self {
            send,
            version,
            remaining: size.next_multiple_of(BLOCK_BYTES),
            chunk: BytesMut::with_capacity(CHUNK_BYTES),
            digest: digest::Context::new(&digest::SHA256),
            refused: None,
        }
    }

    /// Fills the last block, and sends the digest.
    fn finish(mut self) -> Result<(), Error> {
        let missing = self.remaining.saturating_sub(self.chunk.len() as u64);
        if missing >= BLOCK_BYTES {
            // Without this a broken file would look whole.
            return Err(Error::Unknown("etcdserver: the snapshot is shorter than announced".into()));
        }
        self.chunk.resize(self.chunk.len() + missing as usize, 0);
        self.flush_chunk()?;
        let digest = Bytes::copy_from_slice(self.digest.clone().finish().as_ref());
        self.send_blob(digest)
    }

    fn flush_chunk(&mut self) -> Result<(), Error> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let blob = std::mem::replace(&mut self.chunk, BytesMut::with_capacity(CHUNK_BYTES)).freeze();
        self.digest.update(&blob);
        self.remaining = self
            .remaining
            .checked_sub(blob.len() as u64)
            .ok_or_else(|| Error::Unknown("etcdserver: the snapshot is longer than announced".into()))?;
        self.send_blob(blob)
    }

    fn send_blob(&mut self, blob: Bytes) -> Result<(), Error> {
        (self.send)(SnapshotResponse {
            header: None,
            remaining_bytes: self.remaining,
            blob,
            version: self.version.clone(),
        })
    }
}

impl<F: FnMut(SnapshotResponse) -> Result<(), Error>> io::Write for Chunks<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK_BYTES
            && let Err(error) = self.flush_chunk()
        {
            self.refused = Some(error);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The messages that a database of `size` bytes, of which `written` come, makes.
    fn messages(size: u64, written: usize) -> Result<Vec<SnapshotResponse>, Error> {
        let mut messages = Vec::new();
        let mut chunks = Chunks::new(size, "3.7.0".to_owned(), |message| {
            messages.push(message);
            Ok(())
        });
        let bytes: Vec<u8> = (0..written).map(|n| n as u8).collect();
        if chunks.write_all(&bytes).is_err() {
            return Err(chunks.refused.take().expect("there is a reason"));
        }
        chunks.finish()?;
        Ok(messages)
    }

    #[test]
    fn the_file_has_whole_blocks_and_a_digest() {
        for size in [1, 511, 512, 513, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let messages = messages(size as u64, size).expect("complete");
            let (digest, chunks) = messages.split_last().expect("at least the digest");
            let mut file = Vec::new();
            let whole = size.next_multiple_of(512);
            for message in chunks {
                file.extend_from_slice(&message.blob);
                assert_eq!(message.remaining_bytes as usize, whole - file.len(), "{size}");
                assert!(message.blob.len() <= CHUNK_BYTES && message.version == "3.7.0");
            }
            assert_eq!(file.len(), whole, "{size}");
            assert!(file[size..].iter().all(|byte| *byte == 0), "{size}");
            assert_eq!(digest.remaining_bytes, 0);
            assert_eq!(digest.blob, digest::digest(&digest::SHA256, &file).as_ref(), "{size}");
            assert_eq!((file.len() + digest.blob.len()) % 512, 32, "{size}");
        }
    }

    #[test]
    fn a_database_of_another_length_than_announced_is_an_error() {
        assert!(messages(2000, 1000).is_err());
        assert!(messages(2000, CHUNK_BYTES + 1).is_err());
    }
}
