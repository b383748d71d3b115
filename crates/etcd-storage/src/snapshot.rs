//! A pinned view of the whole database, and how it is sent.

use std::io::{self, Write};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::frame::{
    END_BYTES, HEADER_BYTES, MAGIC, MAX_KEY_BYTES, MAX_VALUE_BYTES, ROW_BYTES, TRAILER_BYTES, VERSION,
};
use crate::timing::Times;
use crate::view::View;
use crate::{Bucket, ReadError, SnapshotError, buffer};

/// How much is collected before it is given to the writer.
const CHUNK_BYTES: usize = 64 << 10;

/// The database as it was when the snapshot was taken.
///
/// While it lives, the pages it can see are not reused and the file grows by what is written meanwhile.
#[derive(Clone)]
pub struct Snapshot {
    view: Arc<View>,
    times: Arc<Times>,
}

impl Snapshot {
    pub(crate) fn new(view: Arc<View>, times: Arc<Times>) -> Self {
        Self { view, times }
    }

    /// The mark of the newest batch it holds.
    pub fn mark(&self) -> u64 {
        self.view.meta().mark
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn get(&self, bucket: Bucket, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        self.view.get(bucket, key)
    }

    /// Shows `visit` the rows in a range of keys, ascending, until it breaks.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn range(
        &self,
        bucket: Bucket,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        if !buffer::is_valid(start, end) {
            return Ok(());
        }
        for row in self.view.range(bucket, start, end)? {
            let (key, value) = row.map_err(|source| ReadError::database(bucket, source))?;
            if visit(key.value(), value.value()).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends everything to `writer`, in a form that [`crate::receive`] takes. Returns how many bytes it sent.
    ///
    /// The stream does not depend on the layout of the database file.
    ///
    /// # Errors
    /// The database could not be read, or the writer failed.
    pub fn write_to(&self, writer: &mut dyn Write) -> Result<u64, SnapshotError> {
        let started = Instant::now();
        let mut sink = Sink { writer, chunk: Vec::with_capacity(CHUNK_BYTES), sent: 0, checksum: 0 };
        sink.chunk.extend_from_slice(MAGIC);
        sink.chunk.extend_from_slice(&VERSION.to_le_bytes());
        sink.chunk.extend_from_slice(&self.mark().to_le_bytes());
        let mut rows = 0u64;
        for bucket in Bucket::ALL {
            for row in self.view.range(bucket, Bound::Unbounded, Bound::Unbounded)? {
                let (key, value) = row.map_err(|source| ReadError::database(bucket, source))?;
                sink.row(bucket, key.value(), value.value())?;
                rows += 1;
            }
        }
        sink.chunk.push(0);
        sink.chunk.extend_from_slice(&rows.to_le_bytes());
        let sent = sink.finish().map_err(|source| SnapshotError::Send { source })?;
        self.times.observe(started.elapsed());
        Ok(sent)
    }

    /// How many bytes [`Snapshot::write_to`] sends.
    ///
    /// # Errors
    /// The database could not be read.
    pub fn encoded_len(&self) -> Result<u64, ReadError> {
        let rows = self.view.rows()?;
        let around = HEADER_BYTES + END_BYTES + TRAILER_BYTES;
        Ok(self.view.meta().bytes + rows * ROW_BYTES as u64 + around as u64)
    }

    /// CRC-32C over the names of the buckets, by name, each followed by its keys and values; without the rows that
    /// `is_ignored` tells.
    ///
    /// # Errors
    /// The database could not be read.
    ///
    /// # Source
    /// etcd `server/storage/backend/backend.go` Hash.
    pub fn hash(&self, is_ignored: impl Fn(Bucket, &[u8]) -> bool) -> Result<u32, ReadError> {
        let mut buckets = Bucket::ALL;
        buckets.sort_unstable_by_key(|bucket| bucket.name());
        let mut hash = 0;
        for bucket in buckets {
            hash = crc32c::crc32c_append(hash, bucket.name().as_bytes());
            self.range(bucket, Bound::Unbounded, Bound::Unbounded, |key, value| {
                if !is_ignored(bucket, key) {
                    hash = crc32c::crc32c_append(hash, key);
                    hash = crc32c::crc32c_append(hash, value);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(hash)
    }
}

/// Collects, sums and sends.
struct Sink<'a> {
    writer: &'a mut dyn Write,
    chunk: Vec<u8>,
    sent: u64,
    checksum: u32,
}

impl Sink<'_> {
    fn row(&mut self, bucket: Bucket, key: &[u8], value: &[u8]) -> Result<(), SnapshotError> {
        let too_large =
            || SnapshotError::RowTooLarge { bucket: bucket.name(), bytes: key.len() + value.len() };
        let key_len = length(key, MAX_KEY_BYTES).ok_or_else(too_large)?;
        let value_len = length(value, MAX_VALUE_BYTES).ok_or_else(too_large)?;
        self.chunk.push(bucket.wire());
        self.chunk.extend_from_slice(&key_len.to_le_bytes());
        self.chunk.extend_from_slice(&value_len.to_le_bytes());
        self.chunk.extend_from_slice(key);
        self.chunk.extend_from_slice(value);
        if self.chunk.len() >= CHUNK_BYTES {
            self.send().map_err(|source| SnapshotError::Send { source })?;
        }
        Ok(())
    }

    fn send(&mut self) -> io::Result<()> {
        self.checksum = crc32c::crc32c_append(self.checksum, &self.chunk);
        self.writer.write_all(&self.chunk)?;
        self.sent += self.chunk.len() as u64;
        self.chunk.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<u64> {
        self.send()?;
        let trailer = self.checksum.to_le_bytes();
        self.writer.write_all(&trailer)?;
        self.writer.flush()?;
        Ok(self.sent + trailer.len() as u64)
    }
}

fn length(bytes: &[u8], max: usize) -> Option<u32> {
    if bytes.len() > max { None } else { u32::try_from(bytes.len()).ok() }
}
