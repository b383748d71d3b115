//! A disk in memory that can lose power, fail and fill up, for crash tests.
//!
//! Deterministic: no threads, no clock, and chance only from the seed given to [`SimDisk::crash`].
//!
//! What a crash leaves: of each file, every 512-byte sector written since its last sync is there or not, by chance, or
//! as it was between two of the writes; and so is a change of its length. Of each directory, a prefix of the changes made since its last sync.

mod node;
mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk::{Disk, DiskFile};
pub use state::Fault;
use state::{Access, State};

/// A disk in memory. Clones share it.
///
/// Its directories `/` and `.` exist from the beginning.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loses power, and comes back: what was not synced is there in part, as `seed` decides. Files that are open stop
    /// working, locks are gone, and so is a fault that was set.
    pub fn crash(&self, seed: u64) {
        self.lock().crash(seed);
    }

    /// Stops the process without losing power: everything written stays. Open files stop working, locks are gone.
    pub fn kill(&self) {
        self.lock().kill();
    }

    /// Lets the `n`-th write or sync from now on, counted from 0, fail as `fault` says.
    pub fn fail_at(&self, n: u64, fault: Fault) {
        self.lock().fail_at(n, fault);
    }

    /// Takes back what [`fail_at`](Self::fail_at) set.
    pub fn heal(&self) {
        self.lock().heal();
    }

    /// How many writes and syncs there have been.
    pub fn operations(&self) -> u64 {
        self.lock().operations()
    }

    /// How many syncs of files there have been.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs()
    }

    /// The whole content of a file.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.lock().read(path)
    }

    /// Puts a file with this content in place, durably, creating its directory.
    ///
    /// # Errors
    /// When part of the path is a file.
    pub fn put(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.lock().put(path, content)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, access: Access) -> Box<dyn DiskFile> {
        Box::new(SimFile { disk: self.clone(), access })
    }
}

impl Disk for SimDisk {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.lock().list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.lock().create_dir(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let access = self.lock().create(path)?;
        Ok(self.file(access))
    }

    fn open(&self, path: &Path, _write: bool) -> io::Result<Box<dyn DiskFile>> {
        let access = self.lock().open(path)?;
        Ok(self.file(access))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.lock().rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.lock().remove_file(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.lock().remove_dir(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.lock().sync_dir(dir)
    }

    fn allows_helper_thread(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    access: Access,
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.lock().len(self.access)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.lock().read_at(self.access, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<Duration> {
        self.disk.lock().write_at(self.access, bytes, offset).map(|()| Duration::ZERO)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.lock().set_len(self.access, length)
    }

    fn zero_fill(&self, from: u64, to: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        if state.len(self.access)? < to {
            state.set_len(self.access, to)?;
        }
        state.zero(self.access, from, to)?;
        state.sync_data(self.access)
    }

    fn sync_data(&self) -> io::Result<Duration> {
        self.disk.lock().sync_data(self.access).map(|()| Duration::ZERO)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.disk.lock().try_lock(self.access)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.lock().unlock(self.access);
    }
}

/// The parts of a path that name something.
fn parts(path: &Path) -> Vec<String> {
    let path = PathBuf::from(path);
    let named = path.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    named.collect()
}
