//! The next segment, prepared while the current one fills up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use tracing::warn;

use crate::disk::{Disk, DiskFile};
use crate::error::{At as _, DiskError};

/// A zero-filled and locked file under a temporary name.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn DiskFile>,
}

/// Makes files of a fixed size, one ahead, on a helper thread where the disk allows one.
#[derive(Debug)]
pub(crate) struct Pipeline {
    source: Source,
    helper: Option<Helper>,
}

#[derive(Clone, Debug)]
struct Source {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    bytes: u64,
    count: u64,
}

#[derive(Debug)]
struct Helper {
    /// A request for one more file; `None` once stopping.
    requests: Option<SyncSender<()>>,
    files: Receiver<Result<Prepared, DiskError>>,
    /// A request is under way or its file waits to be taken.
    requested: bool,
    thread: Option<JoinHandle<()>>,
}

impl Pipeline {
    /// Files of `bytes` in `dir`, named `0.tmp` and `1.tmp` in turn.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, bytes: u64) -> Self {
        Self { source: Source { disk, dir: dir.to_path_buf(), bytes, count: 0 }, helper: None }
    }

    /// Starts preparing the next file, unless that has been done or the disk wants no helper.
    pub(crate) fn request(&mut self) {
        if !self.source.disk.allows_helper_thread() {
            return;
        }
        if self.helper.is_none() {
            match Helper::start(self.source.clone()) {
                Ok(helper) => self.helper = Some(helper),
                // The file is made when it is needed, then.
                Err(error) => warn!(%error, "could not start the thread that prepares log segments"),
            }
        }
        if let Some(helper) = &mut self.helper {
            helper.request();
        }
    }

    /// The next file; waits for it, or makes it here when there is no helper.
    pub(crate) fn take(&mut self) -> Result<Prepared, DiskError> {
        match &mut self.helper {
            Some(helper) => {
                helper.request();
                helper.take().at(&self.source.dir)?
            }
            None => self.source.make(),
        }
    }
}

impl Source {
    fn make(&mut self) -> Result<Prepared, DiskError> {
        // Two names, so that the file is not the one just published, which a crash may still show under both.
        let path = self.dir.join(format!("{}.tmp", self.count % 2));
        self.count += 1;
        let file = self.disk.create(&path).at(&path)?;
        file.zero_fill(0, self.bytes).at(&path)?;
        if !file.try_lock().at(&path)? {
            let source = io::Error::new(io::ErrorKind::WouldBlock, "locked by another process");
            return Err(DiskError { path, source });
        }
        Ok(Prepared { path, file })
    }
}

impl Helper {
    fn start(mut source: Source) -> io::Result<Self> {
        let (requests, incoming) = sync_channel::<()>(1);
        let (outgoing, files) = sync_channel(1);
        let thread = std::thread::Builder::new().name("wal-fill".to_owned()).spawn(move || {
            while incoming.recv().is_ok() {
                // A failure is the caller's to handle; without a caller the file is of no use.
                if let Err(unwanted) = outgoing.send(source.make())
                    && let Ok(prepared) = unwanted.0
                {
                    let _ = source.disk.remove_file(&prepared.path);
                }
            }
        })?;
        Ok(Self { requests: Some(requests), files, requested: false, thread: Some(thread) })
    }

    /// Asks for a file unless one is asked for. That the thread is gone shows when the file is taken.
    fn request(&mut self) {
        if !self.requested {
            self.requested = self.requests.as_ref().is_some_and(|requests| requests.send(()).is_ok());
        }
    }

    fn take(&mut self) -> io::Result<Result<Prepared, DiskError>> {
        self.requested = false;
        self.files.recv().map_err(|_| io::Error::other("the thread that prepares segments is gone"))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It only panics if the disk does; there is nothing left to do for it then.
            let _ = thread.join();
        }
    }
}
