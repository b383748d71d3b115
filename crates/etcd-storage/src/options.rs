//! How a database is opened.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of one [`crate::Storage`].
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The database file; created, for the owner only, when it is not there.
    pub path: PathBuf,
    /// How long a change may wait for its commit.
    pub batch_interval: Duration,
    /// How many changes may wait before a commit starts at once.
    pub batch_limit: usize,
    /// What the database may use for its page cache, in bytes.
    pub cache_bytes: usize,
    /// Leaves syncing to the operating system: a crash of the machine may then destroy the database.
    pub no_sync: bool,
    /// Fails file operations on demand; for tests.
    pub faults: Option<Arc<dyn Faults>>,
}

/// Decides, before every file operation of the database, whether it fails.
///
/// Stands in for a full or broken disk in tests.
pub trait Faults: Send + Sync + 'static {
    /// Called before `len` bytes are written at `offset`.
    ///
    /// # Errors
    /// The write fails with the error, and nothing is written.
    fn write(&self, offset: u64, len: usize) -> io::Result<()>;

    /// Called before the file is grown or cut to `len` bytes.
    ///
    /// # Errors
    /// The operation fails with the error.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Called before the file is synced.
    ///
    /// # Errors
    /// The sync fails with the error.
    fn sync(&self) -> io::Result<()>;
}

impl Options {
    /// etcd's settings: a commit at least every 100 ms or 10 000 changes, synced, with a cache of 64 MiB.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            batch_interval: Duration::from_millis(100),
            batch_limit: 10_000,
            cache_bytes: 64 << 20,
            no_sync: false,
            faults: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("path", &self.path)
            .field("batch_interval", &self.batch_interval)
            .field("batch_limit", &self.batch_limit)
            .field("cache_bytes", &self.cache_bytes)
            .field("no_sync", &self.no_sync)
            .field("faults", &self.faults.is_some())
            .finish()
    }
}
