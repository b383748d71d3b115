//! The next segment, prepared while the current one fills up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use tracing::warn;

use crate::disk::{Disk, DiskFile};
use crate::error::{At as _, DiskError};

/// What the files are called before they get their segment's name.
const NAMES: [&str; 2] = ["0.tmp", "1.tmp"];

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
    disk: Arc<dyn Disk>,
    /// A request for one more file; `None` once stopping.
    requests: Option<SyncSender<()>>,
    files: Receiver<Result<Prepared, DiskError>>,
    /// A request is under way or its file waits to be taken.
    requested: bool,
    thread: Option<JoinHandle<()>>,
}

impl Pipeline {
    /// Files of `bytes` in `dir`, with two temporary names in turn.
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

/// Removes what a process that was killed has prepared in `dir`.
pub(crate) fn clean(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    for path in NAMES.map(|name| dir.join(name)) {
        match disk.remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at(&path)?,
            _ => {}
        }
    }
    Ok(())
}

impl Source {
    fn make(&mut self) -> Result<Prepared, DiskError> {
        // Two names in turn, so that the file is not the one just published, which a crash may still show under both.
        let path = self.dir.join(NAMES[(self.count % 2) as usize]);
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
        let disk = Arc::clone(&source.disk);
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
        Ok(Self { disk, requests: Some(requests), files, requested: false, thread: Some(thread) })
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
        if let Ok(Ok(unused)) = self.files.try_recv() {
            let _ = self.disk.remove_file(&unused.path);
        }
    }
}
