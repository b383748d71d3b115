//! How bytes get to the disk: the one write and the one sync, and the change to the next segment.

use std::io;
use std::time::Duration;

use tracing::{debug, warn};

use crate::disk::DiskFile;
use crate::encode::Encoder;
use crate::error::{At as _, DiskError};
use crate::pipeline::Prepared;
use crate::segment::{Segment, SegmentName};
use crate::wal::{Wal, Written};

/// A sync that takes longer is worth a warning.
///
/// Source: etcd `server/storage/wal/wal.go` warnSyncDuration.
const SLOW_SYNC: Duration = Duration::from_secs(1);

impl Wal {
    /// Writes what `encode` makes, at most about `bytes`, and syncs; begins a new segment first when it does not fit.
    pub(crate) fn write(
        &mut self,
        bytes: usize,
        sync: bool,
        encode: impl FnOnce(&mut Encoder),
    ) -> Result<Written, DiskError> {
        let mut written = Written::default();
        // An empty segment takes any batch, however large; it grows then.
        if bytes > 0
            && self.offset + bytes as u64 > self.options.segment_bytes
            && self.offset > self.header_end
        {
            self.cut()?;
            written.cut = true;
        }
        self.encoder.reserve(bytes);
        encode(&mut self.encoder);
        if !self.encoder.bytes().is_empty() {
            written.bytes = self.encoder.bytes().len() as u64;
            written.write = self.with_tail(|file, wal| file.write_at(wal.encoder.bytes(), wal.offset))?;
            self.encoder.clear();
            self.offset += written.bytes;
            self.dirty = true;
        }
        if sync && self.dirty && !self.options.no_sync {
            let took = self.with_tail(|file, _| file.sync_data())?;
            if took > SLOW_SYNC {
                warn!(took_ms = took.as_millis() as u64, "slow fdatasync of the log");
            }
            written.sync = Some(took);
            self.dirty = false;
        }
        // Early enough to be ready in time, late enough not to add to the work of starting.
        if self.offset > self.options.segment_bytes / 4 {
            self.next.request();
        }
        Ok(written)
    }

    /// Ends the segment and begins the next one, which gets its name when its header is durable.
    ///
    /// Source: etcd `server/storage/wal/wal.go` cut.
    fn cut(&mut self) -> Result<(), DiskError> {
        self.with_tail(|file, wal| file.set_len(wal.offset))?;
        let durable = !self.options.no_sync;
        if durable {
            self.with_tail(|file, _| file.sync_data())?;
        }
        let Prepared { path: temporary, file } = self.next.take()?;
        self.encoder.header(self.metadata, &self.cursor.state);
        let offset = self.encoder.bytes().len() as u64;
        file.write_at(self.encoder.bytes(), 0).at(&temporary)?;
        self.encoder.clear();
        if durable {
            file.sync_data().at(&temporary)?;
        }
        let seq = self.tail().name.seq + 1;
        // After the mark of a received snapshot the log goes on behind it, wherever the entries before ended.
        let name = SegmentName { seq, index: self.cursor.reach() + 1 };
        let path = name.path(&self.dir);
        self.disk.rename(&temporary, &path).at(&path)?;
        if durable {
            self.disk.sync_dir(&self.dir).at(&self.dir)?;
        }
        debug!(path = %path.display(), "began a log segment");
        self.segments.push(Segment { name, file });
        self.offset = offset;
        self.header_end = offset;
        self.dirty = false;
        Ok(())
    }

    fn tail(&self) -> &Segment {
        self.segments.last().expect("a log has at least one segment from its creation on")
    }

    fn with_tail<T>(&self, act: impl FnOnce(&dyn DiskFile, &Self) -> io::Result<T>) -> Result<T, DiskError> {
        let tail = self.tail();
        act(&*tail.file, self).map_err(|source| DiskError { path: tail.name.path(&self.dir), source })
    }
}
