//! Defragmentation: the database is written anew into another file, which then takes its place.
//!
//! Nobody waits for it. A copy is made from a pinned view, a little at a time, while commits go on in the old file; what
//! they change is noted and copied in further rounds, each shorter than the one before. Only for the last round, a few
//! rows, commits wait: readers and writers, who meet in the buffer, do not notice.
//!
//! A crash leaves either file complete at the database's path, and perhaps a leftover beside it that the next opening
//! removes. A full disk ends the attempt, early enough to leave room for the old file's own commits.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::MutexGuard;
use redb::Database;
use tracing::info;

use crate::database::{self, META};
use crate::journal::Journal;
use crate::shared::{Disk, Shared};
use crate::storage::{Size, Storage, move_over, open_view};
use crate::view::View;
use crate::{Bucket, DefragmentError, Options, ReadError};

/// How much is copied in one go.
const BATCH_BYTES: usize = 4 << 20;

/// The page cache of the new database while it is written.
const CACHE_BYTES: usize = 16 << 20;

/// A round of at most so many rows may be the last one, for which commits wait.
const LAST_ROUND_ROWS: usize = 5_000;

/// After so many rounds the next one is the last, however many rows it has.
const MAX_ROUNDS: usize = 20;

/// The longest rest after a batch. It rests as long as the batch took: the disk is the log's in the first place.
const MAX_PAUSE: Duration = Duration::from_millis(200);

/// What the disk must keep free for everything else.
const RESERVE_BYTES: u64 = 64 << 20;

/// What a defragmentation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defragmented {
    /// The size before.
    pub before: Size,
    /// The size after.
    pub after: Size,
}

impl Storage {
    /// Writes the database into a new, dense file while reads and writes go on, and goes on with that.
    ///
    /// Takes as long as copying everything at half speed; blocks the caller only. One at a time.
    ///
    /// # Errors
    /// The database stays as it was.
    pub fn defragment(&self) -> Result<Defragmented, DefragmentError> {
        let shared = self.shared();
        let _running = shared.defragmentation.try_lock().ok_or(DefragmentError::Running)?;
        self.commit()?;
        let before = self.size();
        let started = Instant::now();
        let path = leftover(&shared.options.path);
        let made = require_space(&path, before.in_use + before.in_use / 4).and_then(|()| make(shared, &path));
        *shared.journal.lock() = None;
        if let Err(error) = made {
            // Already failing; the next opening removes what is left.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        shared.defragment_times.observe(started.elapsed());
        let after = self.size();
        info!(
            before = before.total,
            after = after.total,
            took_ms = started.elapsed().as_millis(),
            "defragmented database"
        );
        Ok(Defragmented { before, after })
    }

    /// Whether a defragmentation runs.
    pub fn is_defragmenting(&self) -> bool {
        self.shared().defragmentation.is_locked()
    }

    /// How long defragmentations took, as [`Storage::commit_times`] tells it of commits, in the buckets of
    /// [`crate::DEFRAGMENT_BOUNDS_MS`].
    pub fn defragment_times(&self) -> (Vec<u64>, Duration) {
        self.shared().defragment_times.read()
    }
}

/// The name of the new file until it takes the old one's place.
pub(crate) fn leftover(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".defragmenting");
    PathBuf::from(name)
}

/// Removes what an interrupted defragmentation left.
pub(crate) fn remove_leftover(path: &Path) -> io::Result<()> {
    match fs::remove_file(leftover(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn make(shared: &Shared, path: &Path) -> Result<(), DefragmentError> {
    let copy = Copy::create(shared, path)?;
    let mut round = Round::begin(shared, None)?;
    let mut rounds = 1;
    loop {
        let rows = copy.take(shared, &round)?;
        if rows <= LAST_ROUND_ROWS || rounds == MAX_ROUNDS {
            break;
        }
        round = Round::begin(shared, Some(&copy))?;
        rounds += 1;
    }
    let (database, file) = copy.close(&shared.options)?;
    let mut disk = shared.disk.lock();
    let last = Round::begin_locked(shared, disk.as_ref(), true)?;
    write_changes(&database, &last).map_err(|source| failed(path, source))?;
    put_in_place(shared, &mut disk, Disk::new(database, file), path)
}

/// One pass over what has changed.
struct Round {
    view: Arc<View>,
    /// What the pass before left; none for the first, which copies everything.
    changes: Option<Journal>,
}

impl Round {
    /// Pins the database and begins to note what changes from here on. `previous` only tells that there was a round.
    fn begin(shared: &Shared, previous: Option<&Copy>) -> Result<Self, DefragmentError> {
        let disk = shared.disk.lock();
        Self::begin_locked(shared, disk.as_ref(), previous.is_some())
    }

    fn begin_locked(
        shared: &Shared,
        disk: Option<&Disk>,
        has_previous: bool,
    ) -> Result<Self, DefragmentError> {
        let state = shared.state.read();
        state.check()?;
        let view = state.view.clone().filter(|_| disk.is_some()).ok_or(ReadError::Closed)?;
        drop(state);
        let next = Journal::new(&view)?;
        let changes = shared.journal.lock().replace(next);
        if has_previous && changes.is_none() {
            return Err(DefragmentError::Replaced);
        }
        Ok(Self { view, changes: changes.filter(|_| has_previous) })
    }

    /// The rows of a bucket to append.
    fn rest(&self, bucket: Bucket) -> Bound<&[u8]> {
        self.changes.as_ref().map_or(Bound::Unbounded, |changes| changes.rest(bucket))
    }

    fn changed(&self) -> Result<Vec<&(Bucket, Bytes)>, redb::Error> {
        let Some(changes) = &self.changes else { return Ok(Vec::new()) };
        let changed = changes.changed().ok_or_else(|| io::Error::other(OVERRUN))?;
        Ok(changed.collect())
    }
}

const OVERRUN: &str = "too many rows changed meanwhile";

/// The new database while it is written: synced batch by batch, by hand.
struct Copy {
    database: Database,
    file: File,
    path: PathBuf,
}

impl Copy {
    fn create(shared: &Shared, path: &Path) -> Result<Self, DefragmentError> {
        let file_error = |source| DefragmentError::File { path: path.to_owned(), source };
        remove_leftover(&shared.options.path).map_err(file_error)?;
        let mut open = OpenOptions::new();
        open.read(true).write(true).create_new(true).mode(0o600);
        let file = open.open(path).map_err(file_error)?;
        let database = database::with_file(path, &file, CACHE_BYTES, true, shared.options.faults.clone())?;
        Ok(Self { database, file, path: path.to_owned() })
    }

    /// Copies one round. Returns how many rows it had.
    fn take(&self, shared: &Shared, round: &Round) -> Result<usize, DefragmentError> {
        let failed = |source| failed(&self.path, source);
        let changed = round.changed().map_err(failed)?;
        let mut rows = changed.len();
        self.database_step(shared, |database| change(database, &round.view, &changed))?;
        for bucket in Bucket::ALL {
            let mut from = owned(round.rest(bucket));
            loop {
                let mut copied = 0;
                let next = self.database_step(shared, |database| {
                    append(database, &round.view, bucket, &from, BATCH_BYTES, &mut copied)
                })?;
                rows += copied;
                match next {
                    Some(last) => from = Bound::Excluded(last),
                    None => break,
                }
            }
        }
        self.database_step(shared, |database| finish(database, &round.view))?;
        Ok(rows)
    }

    /// Does one step, makes it durable, and rests; gives up when it must.
    fn database_step<T>(
        &self,
        shared: &Shared,
        step: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, DefragmentError> {
        require_space(&self.path, 0)?;
        shared.state.read().check()?;
        let started = Instant::now();
        let done = step(&self.database).map_err(|source| failed(&self.path, source))?;
        if !shared.options.no_sync {
            self.file
                .sync_data()
                .map_err(|source| DefragmentError::File { path: self.path.clone(), source })?;
        }
        shared.pause_defragmentation(started.elapsed().min(MAX_PAUSE));
        Ok(done)
    }

    /// Closes the copy and opens it as any other database.
    fn close(self, options: &Options) -> Result<(Database, File), DefragmentError> {
        let Self { database, file, path } = self;
        drop(database);
        drop(file);
        let options = Options { path, ..options.clone() };
        Ok(database::open(&options)?)
    }
}

/// Everything of a round, in one durable transaction.
fn write_changes(database: &Database, round: &Round) -> Result<(), redb::Error> {
    let transaction = database::begin(database)?;
    write_changed(&transaction, &round.view, &round.changed()?)?;
    for bucket in Bucket::ALL {
        let mut copied = 0;
        let from = owned(round.rest(bucket));
        write_appended(&transaction, &round.view, bucket, &from, usize::MAX, &mut copied)?;
    }
    round.view.meta().write(&mut transaction.open_table(META)?)?;
    transaction.commit()?;
    Ok(())
}

fn change(database: &Database, view: &View, changed: &[&(Bucket, Bytes)]) -> Result<(), redb::Error> {
    if changed.is_empty() {
        return Ok(());
    }
    let transaction = database::begin(database)?;
    write_changed(&transaction, view, changed)?;
    transaction.commit()?;
    Ok(())
}

fn append(
    database: &Database,
    view: &View,
    bucket: Bucket,
    from: &Bound<Vec<u8>>,
    limit: usize,
    copied: &mut usize,
) -> Result<Option<Vec<u8>>, redb::Error> {
    let transaction = database::begin(database)?;
    let next = write_appended(&transaction, view, bucket, from, limit, copied)?;
    transaction.commit()?;
    Ok(next)
}

fn finish(database: &Database, view: &View) -> Result<(), redb::Error> {
    let transaction = database::begin(database)?;
    view.meta().write(&mut transaction.open_table(META)?)?;
    transaction.commit()?;
    Ok(())
}

/// Copies the present values of rows that the copy may have already.
fn write_changed(
    transaction: &redb::WriteTransaction,
    view: &View,
    changed: &[&(Bucket, Bytes)],
) -> Result<(), redb::Error> {
    for bucket in Bucket::ALL {
        let mut keys = changed.iter().filter(|row| row.0 == bucket).peekable();
        if keys.peek().is_none() {
            continue;
        }
        let mut rows = transaction.open_table(database::table(bucket))?;
        for (_, key) in keys {
            match view.get(bucket, key).map_err(io::Error::other)? {
                Some(value) => drop(rows.insert(key.as_ref(), value.as_ref())?),
                None => drop(rows.remove(key.as_ref())?),
            }
        }
    }
    Ok(())
}

/// Appends rows from `from` on, up to about `limit` bytes. Returns the last one's key if there may be more.
fn write_appended(
    transaction: &redb::WriteTransaction,
    view: &View,
    bucket: Bucket,
    from: &Bound<Vec<u8>>,
    limit: usize,
    copied: &mut usize,
) -> Result<Option<Vec<u8>>, redb::Error> {
    let mut table = transaction.open_table(database::table(bucket))?;
    let mut end = table.upper_bound_mut(Bound::<&[u8]>::Unbounded)?;
    let mut bytes = 0;
    let mut last = None;
    let from = from.as_ref().map(Vec::as_slice);
    for row in view.range(bucket, from, Bound::Unbounded).map_err(io::Error::other)? {
        let (key, value) = row?;
        let (key, value) = (key.value(), value.value());
        end.insert_before(key, value)?;
        *copied += 1;
        bytes += key.len() + value.len();
        if bytes >= limit {
            last = Some(key.to_vec());
            break;
        }
    }
    end.close()?;
    Ok(last)
}

/// Moves the new file over the old one, and every handle to it. `disk` is locked: no commit runs.
fn put_in_place(
    shared: &Shared,
    disk: &mut MutexGuard<'_, Option<Disk>>,
    new: Disk,
    path: &Path,
) -> Result<(), DefragmentError> {
    let view = Arc::new(open_view(&new, path)?);
    move_over(&new.file, path, &shared.options.path)
        .map_err(|error| DefragmentError::Place(Box::new(error)))?;
    let old = shared.state.write().view.replace(view);
    shared.measure(&new);
    if let Some(old) = disk.replace(new) {
        old.retire();
    }
    drop(old);
    Ok(())
}

/// # Errors
/// The file system of `path` has not `bytes` to spare, beside what everything else needs.
fn require_space(path: &Path, bytes: u64) -> Result<(), DefragmentError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let stats = rustix::fs::statvfs(parent.unwrap_or_else(|| Path::new(".")))
        .map_err(|error| DefragmentError::File { path: path.to_owned(), source: error.into() })?;
    let free = stats.f_bavail.saturating_mul(stats.f_frsize);
    let need = bytes.saturating_add(RESERVE_BYTES);
    if free < need {
        return Err(DefragmentError::NoSpace { path: path.to_owned(), need, free });
    }
    Ok(())
}

fn failed(path: &Path, source: redb::Error) -> DefragmentError {
    DefragmentError::Store { path: path.to_owned(), source: Box::new(source) }
}

fn owned(bound: Bound<&[u8]>) -> Bound<Vec<u8>> {
    bound.map(<[u8]>::to_vec)
}
