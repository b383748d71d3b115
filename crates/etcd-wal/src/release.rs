//! Removing segments that nothing needs any more.

use crate::Wal;
use crate::error::ReleaseError;
use crate::segment::Segment;

impl Wal {
    /// Says that the storage durably holds everything up to `index`: segments wholly before the newest committed mark
    /// at or before it may go. As many as [`Options::max_wals`](crate::Options::max_wals) asks for stay.
    ///
    /// Returns how many were removed.
    ///
    /// # Errors
    /// When the disk fails; what is left of the log is complete, and a later call tries again.
    ///
    /// # Source
    /// etcd `server/storage/wal/wal.go` ReleaseLockTo and `client/pkg/fileutil/purge.go`.
    pub fn release_to(&mut self, index: u64) -> Result<usize, ReleaseError> {
        // A mark counts when it is committed, and has to count after a crash.
        let usable = index.min(self.durable_commit);
        let Some(mark) = self.marks.iter().copied().filter(|&mark| mark <= usable).max() else {
            return Ok(0);
        };
        self.marks.retain(|&other| other >= mark);
        let needed = self.segments.iter().rposition(|segment| segment.name.index <= mark).unwrap_or(0);
        let surplus = match self.options.max_wals {
            0 => 0,
            keep => self.segments.len().saturating_sub(keep),
        };
        let count = needed.min(surplus);
        for _ in 0..count {
            self.remove_oldest()?;
        }
        if count > 0 && !self.options.no_sync {
            let removed = self.disk.sync_dir(&self.dir);
            removed.map_err(|source| ReleaseError::Remove { path: self.dir.clone(), source })?;
        }
        Ok(count)
    }

    /// Oldest first, so that a crash in between leaves no gap.
    fn remove_oldest(&mut self) -> Result<(), ReleaseError> {
        let Some(Segment { name, .. }) = self.segments.first() else { return Ok(()) };
        let path = name.path(&self.dir);
        match self.disk.remove_file(&path) {
            // Gone already: somebody else's clean-up.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            result => result.map_err(|source| ReleaseError::Remove { path, source })?,
        }
        self.segments.remove(0);
        Ok(())
    }
}
