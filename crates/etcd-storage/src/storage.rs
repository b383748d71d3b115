//! The handle.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tracing::info;

use crate::defragment::remove_leftover;
use crate::shared::{Disk, Shared};
use crate::view::View;
use crate::{
    Batch, OpenError, Options, ReadError, ReplaceError, Snapshot, SnapshotError, WriteError, committer,
    database,
};

/// An open database. Clones are handles to the same one.
///
/// When the last handle goes, the committer stops and the file is released; what no commit has taken by then is lost,
/// as in a crash. Call [`Storage::close`] to commit it.
#[derive(Clone)]
pub struct Storage {
    handle: Arc<Handle>,
}

/// How large the database file is, in bytes, as of the last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// What the file takes on the disk.
    pub total: u64,
    /// About what its rows need; the rest is free for new rows.
    pub in_use: u64,
}

struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Storage {
    /// Opens the database file, creating it when it is not there, and starts the committer.
    ///
    /// # Errors
    /// [`OpenError::Locked`] while another handle has the file open.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        remove_leftover(&options.path)
            .map_err(|source| OpenError::File { path: options.path.clone(), source })?;
        let (database, file) = database::open(&options)?;
        let disk = Disk::new(database, file);
        let view = open_view(&disk, &options.path)?;
        info!(path = %options.path.display(), mark = view.meta().mark, "opened database");
        let shared = Arc::new(Shared::new(options, disk, view));
        let thread = std::thread::Builder::new()
            .name("storage-commit".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || committer::run(&shared)
            })
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// Applies `batch` atomically. Readers see it at once; it is durable some time later.
    ///
    /// Waits while the buffer is too far ahead of a commit that is still running.
    ///
    /// # Errors
    /// The batch was not applied: the storage was closed, or has failed for good.
    pub fn write(&self, batch: Batch) -> Result<(), WriteError> {
        self.shared().write(batch)
    }

    /// Commits everything that was written before the call, and waits for it. Returns the durable mark.
    ///
    /// # Errors
    /// The commit failed, or the storage was closed.
    pub fn commit(&self) -> Result<u64, WriteError> {
        let shared = self.shared();
        shared.state.read().check()?;
        let mut control = shared.control.lock();
        control.requested += 1;
        let ticket = control.requested;
        shared.wake.notify_one();
        while control.served < ticket {
            if control.stopped {
                return Err(WriteError::Closed);
            }
            shared.done.wait(&mut control);
        }
        drop(control);
        shared.state.read().check()?;
        Ok(self.durable_mark())
    }

    /// The mark of the newest batch that is durable, together with all before it.
    pub fn durable_mark(&self) -> u64 {
        self.shared().durable.load(Ordering::Acquire)
    }

    /// Commits, then pins the database as it is. The view costs space while it lives: drop it soon.
    ///
    /// # Errors
    /// The commit failed, or the storage was closed.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        self.commit()?;
        let view = self.shared().state.read().view.clone().ok_or(ReadError::Closed)?;
        Ok(Snapshot::new(view, Arc::clone(&self.shared().snapshot_times)))
    }

    /// How long commits took: how many fell into each bucket of [`crate::COMMIT_BOUNDS_MS`] (the last one has no upper
    /// bound), and the sum.
    pub fn commit_times(&self) -> (Vec<u64>, Duration) {
        self.shared().times.read()
    }

    /// How long it took to send snapshots, as [`Storage::commit_times`] tells it of commits, in the buckets of
    /// [`crate::SNAPSHOT_BOUNDS_MS`].
    pub fn snapshot_times(&self) -> (Vec<u64>, Duration) {
        self.shared().snapshot_times.read()
    }

    /// The size of the file, as of the last commit.
    pub fn size(&self) -> Size {
        let (total, in_use) = self.shared().sizes();
        Size { total, in_use }
    }

    /// About how large the file is going to be at least, in bytes, once everything that was written is committed.
    ///
    /// While commits keep up it is [`Size::total`]. A disk that is behind does not hide what is on the way to it.
    pub fn expected_size(&self) -> u64 {
        self.shared().expected()
    }

    /// Puts the database file at `path`, such as one from [`crate::receive`], in the place of the current one.
    ///
    /// The file is synced and moved to the path of the current one. What the current one holds, and what is buffered,
    /// is dropped; every handle goes on with the new content. The caller sees to it that nobody writes meanwhile.
    ///
    /// # Errors
    /// The current database stays as it was.
    pub fn replace_with(&self, path: &Path) -> Result<(), ReplaceError> {
        let shared = self.shared();
        let mut disk = shared.disk.lock();
        shared.state.read().check()?;
        let options = Options { path: path.to_owned(), ..shared.options.clone() };
        let (database, file) = database::open(&options)?;
        let new = Disk::new(database, file);
        let view = Arc::new(open_view(&new, path)?);
        move_over(&new.file, path, &shared.options.path)?;
        let meta = view.meta();
        // Whoever copies the current one has to begin again.
        *shared.journal.lock() = None;
        let old = {
            let mut state = shared.state.write();
            state.mark = meta.mark;
            state.dirty = false;
            let active = std::mem::take(&mut state.active);
            (active, state.frozen.take(), state.view.replace(view))
        };
        drop(old);
        shared.durable.store(meta.mark, Ordering::Release);
        shared.measure(&new);
        if let Some(old) = disk.replace(new) {
            old.retire();
        }
        info!(mark = meta.mark, "replaced database");
        Ok(())
    }

    /// Commits what is buffered, stops the committer and releases the file. A second call does nothing.
    ///
    /// # Errors
    /// The last commit failed; the file is released all the same.
    pub fn close(&self) -> Result<(), WriteError> {
        let committed = match self.commit() {
            Ok(_) | Err(WriteError::Closed) => Ok(()),
            Err(error) => Err(error),
        };
        self.handle.stop();
        committed
    }

    /// Why writes are refused, once a commit has failed.
    pub fn failed(&self) -> Option<String> {
        self.shared().state.read().failed.as_deref().map(str::to_owned)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

impl Handle {
    /// Stops the committer and releases the file.
    fn stop(&self) {
        self.shared.control.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            // The committer catches panics; if it went down all the same, there is nothing left to stop.
            let _ = thread.join();
        }
        let view = self.shared.state.write().view.take();
        drop(view);
        drop(self.shared.disk.lock().take());
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) fn open_view(disk: &Disk, path: &Path) -> Result<View, OpenError> {
    disk.view().map_err(|source| OpenError::Prepare { path: path.to_owned(), source: Box::new(source) })
}

/// Syncs `file`, which is at `from`, and moves it to `to`.
pub(crate) fn move_over(file: &File, from: &Path, to: &Path) -> Result<(), ReplaceError> {
    file.sync_all()
        .and_then(|()| fs::rename(from, to))
        .and_then(|()| sync_parent(to))
        .map_err(|source| ReplaceError::Rename { from: from.to_owned(), to: to.to_owned(), source })
}

/// Makes the name of a file durable.
pub(crate) fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
