//! The redb file: how it is opened and how a buffer is written into it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Builder, Database, DatabaseError, ReadableTable, StorageError, Table, TableDefinition, WriteTransaction,
};

use crate::backend::Backend;
use crate::buffer::{Buffer, Overlay};
use crate::error::Cause;
use crate::storage::sync_parent;
use crate::{Bucket, Faults, OpenError, Options};

/// The layout that this code reads and writes.
pub(crate) const FORMAT: u64 = 1;

/// What is stored beside the buckets: the format version, the mark, and how many bytes the rows take.
pub(crate) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("etcd_storage");

type Rows<'a> = Table<'a, &'static [u8], &'static [u8]>;

/// The content of the table [`META`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The layout of the file; 0 when the file is new.
    pub(crate) format: u64,
    /// The newest mark whose batch is in the buckets.
    pub(crate) mark: u64,
    /// The sum of the sizes of all keys and values.
    pub(crate) bytes: u64,
}

impl Meta {
    pub(crate) fn read(table: &impl ReadableTable<&'static str, u64>) -> Result<Self, redb::Error> {
        let get = |key| Ok::<u64, StorageError>(table.get(key)?.map_or(0, |value| value.value()));
        Ok(Self { format: get("format")?, mark: get("mark")?, bytes: get("bytes")? })
    }

    pub(crate) fn write(&self, table: &mut Table<'_, &'static str, u64>) -> Result<(), redb::Error> {
        table.insert("format", self.format)?;
        table.insert("mark", self.mark)?;
        table.insert("bytes", self.bytes)?;
        Ok(())
    }
}

/// The table of a bucket.
pub(crate) fn table(bucket: Bucket) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(bucket.name())
}

/// Opens the file of `options`, or creates it, and makes sure that it has every table.
///
/// A new file gets its name only when it is complete, so that a crash leaves no half a database at the path.
pub(crate) fn open(options: &Options) -> Result<(Database, File), OpenError> {
    let path = options.path.as_path();
    match open_at(path, options, false) {
        Err(OpenError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => create(options),
        opened => opened,
    }
}

fn create(options: &Options) -> Result<(Database, File), OpenError> {
    let path = options.path.as_path();
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    let opened = match open_at(&temporary, options, true) {
        // Half a database, of a crash in the middle of this function.
        Err(OpenError::NotADatabase { .. }) => {
            fs::remove_file(&temporary)
                .map_err(|source| OpenError::File { path: temporary.clone(), source })?;
            open_at(&temporary, options, true)?
        }
        opened => opened?,
    };
    fs::rename(&temporary, path)
        .and_then(|()| sync_parent(path))
        .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    Ok(opened)
}

fn open_at(path: &Path, options: &Options, create: bool) -> Result<(Database, File), OpenError> {
    let mut open = OpenOptions::new();
    open.read(true).write(true).create(create).truncate(false).mode(0o600);
    let file = open.open(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    let database = with_file(path, &file, options.cache_bytes, options.no_sync, options.faults.clone())?;
    let meta = prepare(&database).map_err(|source| OpenError::Prepare { path: path.to_owned(), source })?;
    if meta.format != FORMAT {
        return Err(OpenError::Format { path: path.to_owned(), found: meta.format, supported: FORMAT });
    }
    Ok((database, file))
}

/// Opens an already open file as a database.
pub(crate) fn with_file(
    path: &Path,
    file: &File,
    cache_bytes: usize,
    no_sync: bool,
    faults: Option<Arc<dyn Faults>>,
) -> Result<Database, OpenError> {
    let path = || path.to_owned();
    let copy = file.try_clone().map_err(|source| OpenError::File { path: path(), source })?;
    Backend::new(copy, no_sync, faults)
        .and_then(|backend| Builder::new().set_cache_size(cache_bytes).create_with_backend(backend))
        .map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError::Locked { path: path() },
            DatabaseError::Storage(StorageError::Io(source))
                if source.kind() != io::ErrorKind::InvalidData
                    && source.kind() != io::ErrorKind::UnexpectedEof =>
            {
                OpenError::File { path: path(), source }
            }
            error => OpenError::NotADatabase { path: path(), source: Box::new(error) },
        })
}

/// Creates what is missing in a new file, and reads what is stored beside the buckets.
fn prepare(database: &Database) -> Result<Meta, Cause> {
    let transaction = begin(database)?;
    let meta = {
        let mut table = transaction.open_table(META).map_err(redb::Error::from)?;
        let mut meta = Meta::read(&table)?;
        if meta.format == 0 && transaction.list_tables()?.count() == 1 {
            meta.format = FORMAT;
            meta.write(&mut table)?;
        }
        meta
    };
    if meta.format != FORMAT {
        transaction.abort()?;
        return Ok(meta);
    }
    for bucket in Bucket::ALL {
        transaction.open_table(table(bucket))?;
    }
    transaction.commit()?;
    Ok(meta)
}

/// Begins a transaction that is synced when it commits and leaves a file that opens at once after a crash.
pub(crate) fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Writes `buffer` and moves to `mark`, in one transaction. `old` is what the last commit left.
pub(crate) fn commit(
    database: &Database,
    buffer: &Buffer,
    mark: u64,
    old: Meta,
) -> Result<Meta, redb::Error> {
    let transaction = begin(database)?;
    let mut bytes = old.bytes;
    for bucket in Bucket::ALL {
        let overlay = buffer.overlay(bucket);
        if !overlay.is_empty() {
            let mut rows = transaction.open_table(table(bucket))?;
            write_overlay(&mut rows, overlay, &mut bytes)?;
        }
    }
    let meta = Meta { format: FORMAT, mark, bytes };
    meta.write(&mut transaction.open_table(META)?)?;
    transaction.commit()?;
    Ok(meta)
}

/// Writes the changes of one bucket: those up to its last key one by one, those after it as one run of appends.
fn write_overlay(rows: &mut Rows<'_>, overlay: &Overlay, bytes: &mut u64) -> Result<(), redb::Error> {
    let last = rows.last()?.map(|(key, _)| key.value().to_vec());
    let mut changes = overlay.iter().peekable();
    if let Some(last) = last {
        while let Some((key, value)) = changes.next_if(|(key, _)| key.as_ref() <= last.as_slice()) {
            let old = match value {
                Some(value) => {
                    *bytes += size(key, value);
                    rows.insert(key.as_ref(), value.as_ref())?
                }
                None => rows.remove(key.as_ref())?,
            };
            let gone = old.map_or(0, |old| size(key, old.value()));
            *bytes = bytes.saturating_sub(gone);
        }
    }
    // The last row may be gone by now, but what follows is above it all the same.
    let mut end = rows.upper_bound_mut(Bound::<&[u8]>::Unbounded)?;
    for (key, value) in changes {
        if let Some(value) = value {
            *bytes += size(key, value);
            end.insert_before(key.as_ref(), value.as_ref())?;
        }
    }
    end.close()?;
    Ok(())
}

pub(crate) fn size(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}
