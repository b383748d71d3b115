//! What the log needs of a disk: directories, files, positioned reads and writes, syncs, locks.
//!
//! [`FsDisk`] is the operating system; [`crate::sim::SimDisk`] keeps everything in memory and can lose power.

mod fs;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::Duration;

pub use fs::FsDisk;

/// A tree of directories and files.
///
/// Every path is used as given. Methods may block.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Names of the entries of `dir`, in no particular order.
    ///
    /// # Errors
    /// `NotFound` when there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Creates `dir` and its missing parents, accessible by the owner only (0700). It may exist already.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Opens `path` for reading and writing, created or emptied (mode 0600).
    ///
    /// # Errors
    /// Whatever the system reports.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens the existing file `path`, for reading only unless `write`.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn DiskFile>>;

    /// Renames a file or directory within its parent directory, atomically; open files stay open.
    ///
    /// # Errors
    /// Whatever the system reports; `DirectoryNotEmpty` when `to` is a directory that is not empty.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory with all that is in it.
    ///
    /// # Errors
    /// `NotFound` when there is no such directory.
    fn remove_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in `dir` durable.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Whether the next segment may be prepared on a helper thread. A deterministic disk says no.
    fn allows_helper_thread(&self) -> bool {
        true
    }
}

/// An open file. Dropping it releases its lock.
pub trait DiskFile: Debug + Send + 'static {
    /// Length in bytes, including what is preallocated.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before that.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`; returns the time it took.
    ///
    /// # Errors
    /// Whatever the system reports; any part of `bytes` may have been written then.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<Duration>;

    /// Cuts the file to `length` bytes, or extends it with zeros.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes the bytes from `from` to `to` really allocated zeros, durably, so that later writes in there change no
    /// metadata.
    ///
    /// # Errors
    /// `StorageFull` when there is no room.
    fn zero_fill(&self, from: u64, to: u64) -> io::Result<()>;

    /// Makes written bytes and the length durable (`fdatasync`); returns the time it took.
    ///
    /// # Errors
    /// Whatever the system reports; what was written since the last sync must be given up for lost then.
    fn sync_data(&self) -> io::Result<Duration>;

    /// Takes the exclusive lock; `false` when another open file holds it.
    ///
    /// # Errors
    /// Whatever the system reports.
    fn try_lock(&self) -> io::Result<bool>;
}
