//! What the handles and the committer share.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};
use redb::Database;

use crate::buffer::Buffer;
use crate::journal::Journal;
use crate::timing::{COMMIT_BOUNDS_MS, DEFRAGMENT_BOUNDS_MS, SNAPSHOT_BOUNDS_MS, Times};
use crate::view::{Keeper, View};
use crate::{Batch, Options, WriteError};

/// How long the buffer may get before writers wait for a commit, as a multiple of `batch_limit`.
const MAX_BATCHES_AHEAD: usize = 8;

/// How large the buffer may get before writers wait for a commit, in bytes.
const MAX_BYTES_AHEAD: usize = 256 << 20;

/// How large the buffer may get before a commit starts at once, in bytes.
const COMMIT_BYTES: usize = 32 << 20;

/// A stalled writer looks again after this long, whatever happens.
const STALL_POLL: Duration = Duration::from_secs(1);

/// What a row costs in the database beside its bytes, about.
const ROW_BYTES: u64 = 8;

/// Lock order: `disk`, then `control`, then `state`.
pub(crate) struct Shared {
    pub(crate) options: Options,
    /// Held for the length of a commit or a replacement; none once closed.
    pub(crate) disk: Mutex<Option<Disk>>,
    /// Held for moments only: readers and writers pass here.
    pub(crate) state: RwLock<State>,
    pub(crate) control: Mutex<Control>,
    /// Tells the committer that `control` changed.
    pub(crate) wake: Condvar,
    /// Tells everybody else that a commit ended.
    pub(crate) done: Condvar,
    pub(crate) durable: AtomicU64,
    pub(crate) times: Times,
    pub(crate) defragment_times: Times,
    pub(crate) snapshot_times: Arc<Times>,
    /// Held for the length of a defragmentation.
    pub(crate) defragmentation: Mutex<()>,
    /// What commits change, while somebody wants to know. Locked after `disk`, for moments.
    pub(crate) journal: Mutex<Option<Journal>>,
    /// An empty buffer with the memory of an earlier one.
    pub(crate) spare: Mutex<Option<Buffer>>,
    total_bytes: AtomicU64,
    used_bytes: AtomicU64,
    /// The rows in `active` and `frozen`, in bytes.
    pending_bytes: AtomicU64,
}

/// The open database file.
pub(crate) struct Disk {
    pub(crate) database: Database,
    pub(crate) file: File,
    /// What every view of this database holds.
    pub(crate) keeper: Arc<Keeper>,
}

impl Disk {
    pub(crate) fn new(database: Database, file: File) -> Self {
        Self { database, file, keeper: Arc::default() }
    }

    /// The database as its last commit left it.
    pub(crate) fn view(&self) -> Result<View, redb::Error> {
        View::open(&self.database, &self.keeper)
    }

    /// Stays open for the views of it.
    pub(crate) fn retire(self) {
        self.keeper.keep(self.database);
    }
}

/// What readers see: `active` over `frozen` over `view`.
pub(crate) struct State {
    pub(crate) active: Buffer,
    /// What the running commit writes.
    pub(crate) frozen: Option<Arc<Buffer>>,
    /// The last commit; none once closed.
    pub(crate) view: Option<Arc<View>>,
    /// The newest mark that was written.
    pub(crate) mark: u64,
    /// Whether `active` or `mark` hold anything that no commit has taken.
    pub(crate) dirty: bool,
    /// Set once a commit failed.
    pub(crate) failed: Option<Arc<str>>,
}

/// What the committer is asked to do.
#[derive(Default)]
pub(crate) struct Control {
    /// When the next commit is due, while anything is dirty.
    pub(crate) deadline: Option<Instant>,
    /// The buffer is long enough for a commit now.
    pub(crate) urgent: bool,
    /// How many commits were asked for, and how many of those requests were served.
    pub(crate) requested: u64,
    pub(crate) served: u64,
    pub(crate) stop: bool,
    /// The committer has gone.
    pub(crate) stopped: bool,
}

impl Shared {
    pub(crate) fn new(options: Options, disk: Disk, view: View) -> Self {
        let meta = view.meta();
        let shared = Self {
            options,
            state: RwLock::new(State {
                active: Buffer::default(),
                frozen: None,
                view: Some(Arc::new(view)),
                mark: meta.mark,
                dirty: false,
                failed: None,
            }),
            control: Mutex::new(Control::default()),
            wake: Condvar::new(),
            done: Condvar::new(),
            durable: AtomicU64::new(meta.mark),
            times: Times::new(&COMMIT_BOUNDS_MS),
            defragment_times: Times::new(&DEFRAGMENT_BOUNDS_MS),
            snapshot_times: Arc::new(Times::new(&SNAPSHOT_BOUNDS_MS)),
            defragmentation: Mutex::new(()),
            journal: Mutex::new(None),
            spare: Mutex::default(),
            total_bytes: AtomicU64::new(0),
            used_bytes: AtomicU64::new(0),
            pending_bytes: AtomicU64::new(0),
            disk: Mutex::new(None),
        };
        shared.measure(&disk);
        *shared.disk.lock() = Some(disk);
        shared
    }

    /// Puts a batch into the buffer, waiting while the buffer is too far ahead of the disk.
    pub(crate) fn write(&self, batch: Batch) -> Result<(), WriteError> {
        let mark = batch.mark();
        loop {
            let mut state = self.state.write();
            state.check()?;
            if self.is_full(&state.active) {
                drop(state);
                self.wait_for_room();
                continue;
            }
            let was_dirty = state.dirty;
            let was_due = self.is_due(&state.active);
            if batch.is_empty() && mark <= state.mark {
                return Ok(());
            }
            for op in batch.into_ops() {
                state.active.apply(op);
            }
            state.mark = state.mark.max(mark);
            state.dirty = true;
            self.note_pending(&state);
            let is_due = self.is_due(&state.active);
            drop(state);
            if !was_dirty || (is_due && !was_due) {
                self.schedule(is_due);
            }
            return Ok(());
        }
    }

    /// Measures the file, after a commit.
    pub(crate) fn measure(&self, disk: &Disk) {
        if let Ok(metadata) = disk.file.metadata() {
            // The file grows ahead of its content, sparsely: count what it takes on the disk.
            let total = metadata.len().min(metadata.blocks().saturating_mul(512));
            self.total_bytes.store(total, Ordering::Relaxed);
        }
        let view = self.state.read().view.clone();
        if let Some(view) = view
            && let Ok(rows) = view.rows()
        {
            let used = view.meta().bytes.saturating_add(rows.saturating_mul(ROW_BYTES));
            self.used_bytes.store(used, Ordering::Relaxed);
        }
        // Last: a committed row counts twice for a moment, and is never missed.
        self.note_pending(&self.state.read());
    }

    /// Size on the disk, and about how much of it is in use, as of the last commit.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let total = self.total_bytes.load(Ordering::Relaxed);
        (total, self.used_bytes.load(Ordering::Relaxed).min(total))
    }

    /// About how much the file takes at least, once everything that was written is committed.
    pub(crate) fn expected(&self) -> u64 {
        let rows = self.used_bytes.load(Ordering::Relaxed) + self.pending_bytes.load(Ordering::Relaxed);
        rows.max(self.total_bytes.load(Ordering::Relaxed))
    }

    /// Counts what the buffers hold. The caller has `state` locked.
    pub(crate) fn note_pending(&self, state: &State) {
        let frozen = state.frozen.as_ref().map_or(0, |frozen| frozen.row_bytes());
        self.pending_bytes.store((state.active.row_bytes() + frozen) as u64, Ordering::Relaxed);
    }

    /// Sleeps, unless the committer stops.
    pub(crate) fn pause_defragmentation(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut control = self.control.lock();
        while !control.stop && !control.stopped {
            if self.done.wait_until(&mut control, deadline).timed_out() {
                return;
            }
        }
    }

    fn is_due(&self, active: &Buffer) -> bool {
        active.ops() >= self.options.batch_limit || active.bytes() >= COMMIT_BYTES
    }

    fn is_full(&self, active: &Buffer) -> bool {
        active.ops() >= self.options.batch_limit.saturating_mul(MAX_BATCHES_AHEAD)
            || active.bytes() >= MAX_BYTES_AHEAD
    }

    fn schedule(&self, urgent: bool) {
        let mut control = self.control.lock();
        control.urgent |= urgent;
        control.deadline.get_or_insert_with(|| Instant::now() + self.options.batch_interval);
        drop(control);
        self.wake.notify_one();
    }

    fn wait_for_room(&self) {
        let mut control = self.control.lock();
        let is_full = self.is_full(&self.state.read().active);
        if is_full && !control.stopped {
            control.urgent = true;
            self.wake.notify_one();
            self.done.wait_for(&mut control, STALL_POLL);
        }
    }
}

impl State {
    /// Whether it still takes writes.
    pub(crate) fn check(&self) -> Result<(), WriteError> {
        match &self.failed {
            Some(reason) => Err(WriteError::Failed { reason: Arc::clone(reason) }),
            None if self.view.is_none() => Err(WriteError::Closed),
            None => Ok(()),
        }
    }
}
