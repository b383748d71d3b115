//! How a snapshot stream becomes a database file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use redb::Database;

use crate::database::{self, FORMAT, META, Meta};
use crate::error::Cause;
use crate::frame::{HEADER_BYTES, MAGIC, MAX_KEY_BYTES, MAX_VALUE_BYTES, VERSION};
use crate::storage::sync_parent;
use crate::{Bucket, ReceiveError};

/// How much is read before it is written to the database.
const BATCH_BYTES: usize = 8 << 20;

/// How many rows are read before they are written to the database.
const BATCH_ROWS: usize = 50_000;

/// The page cache of the new database while it is written.
const CACHE_BYTES: usize = 32 << 20;

/// Writes a new database file at `path` from the stream of [`crate::Snapshot::write_to`]. Returns its mark.
///
/// The stream has to end after the snapshot, but for up to 511 zeros: a snapshot that was kept as a file is filled to
/// whole blocks of 512 bytes. Memory is bounded, whatever the stream claims. When it returns, the file
/// is complete, verified and synced; [`crate::Storage::open`] and [`crate::Storage::replace_with`] take it.
///
/// # Errors
/// Nothing is left at `path`, unless there was a file already, which is refused and not touched.
pub fn receive(path: &Path, reader: &mut dyn Read) -> Result<u64, ReceiveError> {
    let file_error = |source| ReceiveError::File { path: path.to_owned(), source };
    let mut open = OpenOptions::new();
    open.read(true).write(true).create_new(true).mode(0o600);
    let file = open.open(path).map_err(file_error)?;
    let received = fill(path, &file, reader)
        .and_then(|mark| file.sync_all().and_then(|()| sync_parent(path)).map(|()| mark).map_err(file_error));
    if received.is_err() {
        // Already failing; the next attempt reports a file that could not be removed.
        let _ = fs::remove_file(path);
    }
    received
}

fn fill(path: &Path, file: &File, reader: &mut dyn Read) -> Result<u64, ReceiveError> {
    let store = |source: Cause| ReceiveError::Store { path: path.to_owned(), source };
    // Synced once, at the end.
    let database =
        database::with_file(path, file, CACHE_BYTES, true, None).map_err(|e| store(Box::new(e)))?;
    let mut source = Source { reader: BufReader::new(reader), offset: 0, checksum: 0 };
    let mut meta = Meta { format: FORMAT, mark: read_header(&mut source)?, bytes: 0 };
    let mut rows = Rows::default();
    let mut count = 0u64;
    while let Some(row) = read_row(&mut source, &rows.last)? {
        count += 1;
        meta.bytes += database::size(&row.1, &row.2);
        rows.push(row);
        if rows.bytes >= BATCH_BYTES || rows.rows.len() >= BATCH_ROWS {
            write(&database, &mut rows, None).map_err(|e| store(Box::new(e)))?;
        }
    }
    read_end(&mut source, count)?;
    write(&database, &mut rows, Some(meta)).map_err(|e| store(Box::new(e)))?;
    database.close().map_err(|e| store(Box::new(e)))?;
    Ok(meta.mark)
}

/// What a snapshot that was kept as a file is filled to a multiple of.
const BLOCK_BYTES: u64 = 512;

type Row = (Bucket, Vec<u8>, Vec<u8>);

/// Rows that are not written yet.
#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    bytes: usize,
    /// The last row's place: the next one has to be after it.
    last: Option<(Bucket, Vec<u8>)>,
}

impl Rows {
    fn push(&mut self, row: Row) {
        self.bytes += row.1.len() + row.2.len();
        self.last = Some((row.0, row.1.clone()));
        self.rows.push(row);
    }
}

/// Appends the collected rows; with `meta`, completes the database.
fn write(database: &Database, rows: &mut Rows, meta: Option<Meta>) -> Result<(), redb::Error> {
    let transaction = database::begin(database)?;
    for bucket in Bucket::ALL {
        let mut table = transaction.open_table(database::table(bucket))?;
        let mut end = table.upper_bound_mut(Bound::<&[u8]>::Unbounded)?;
        for (_, key, value) in rows.rows.iter().filter(|row| row.0 == bucket) {
            end.insert_before(key.as_slice(), value.as_slice())?;
        }
        end.close()?;
    }
    if let Some(meta) = meta {
        meta.write(&mut transaction.open_table(META)?)?;
    }
    transaction.commit()?;
    rows.rows.clear();
    rows.bytes = 0;
    Ok(())
}

fn read_header(source: &mut Source<'_>) -> Result<u64, ReceiveError> {
    let header: [u8; HEADER_BYTES] = source.array()?;
    let (magic, rest) = header.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(ReceiveError::NotASnapshot);
    }
    let (version, mark) = rest.split_at(4);
    let found = u32::from_le_bytes(version.try_into().expect("split after four bytes"));
    if found != VERSION {
        return Err(ReceiveError::Format { found, supported: VERSION });
    }
    Ok(u64::from_le_bytes(mark.try_into().expect("eight bytes are left")))
}

/// The next row; none at the end marker.
fn read_row(source: &mut Source<'_>, last: &Option<(Bucket, Vec<u8>)>) -> Result<Option<Row>, ReceiveError> {
    let offset = source.offset;
    let bad = |what| ReceiveError::Frame { offset, what };
    let [number] = source.array()?;
    if number == 0 {
        return Ok(None);
    }
    let bucket = Bucket::from_wire(number).ok_or_else(|| bad("unknown bucket"))?;
    let key_len = u32::from_le_bytes(source.array()?) as usize;
    let value_len = u32::from_le_bytes(source.array()?) as usize;
    if key_len > MAX_KEY_BYTES {
        return Err(bad("key is too long"));
    }
    if value_len > MAX_VALUE_BYTES {
        return Err(bad("value is too long"));
    }
    let key = source.vec(key_len)?;
    if let Some((last_bucket, last_key)) = last
        && (bucket, &key) <= (*last_bucket, last_key)
    {
        return Err(bad("rows are out of order"));
    }
    Ok(Some((bucket, key, source.vec(value_len)?)))
}

/// The row count, the checksum, and nothing after them.
fn read_end(source: &mut Source<'_>, count: u64) -> Result<(), ReceiveError> {
    let offset = source.offset;
    if u64::from_le_bytes(source.array()?) != count {
        return Err(ReceiveError::Frame { offset, what: "row count does not match" });
    }
    let found = source.checksum;
    let want = u32::from_le_bytes(source.array()?);
    if found != want {
        return Err(ReceiveError::Checksum { found, want });
    }
    let offset = source.offset;
    let mut rest = Vec::new();
    let read = (&mut source.reader).take(BLOCK_BYTES).read_to_end(&mut rest);
    match read {
        Ok(len) if (len as u64) < BLOCK_BYTES && rest.iter().all(|byte| *byte == 0) => Ok(()),
        Ok(_) => Err(ReceiveError::Frame { offset, what: "bytes after the end" }),
        Err(error) => Err(ReceiveError::Stream { offset, source: error }),
    }
}

/// Reads and sums.
struct Source<'a> {
    reader: BufReader<&'a mut dyn Read>,
    offset: u64,
    checksum: u32,
}

impl Source<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReceiveError> {
        let mut bytes = [0; N];
        self.reader
            .read_exact(&mut bytes)
            .map_err(|source| ReceiveError::Stream { offset: self.offset, source })?;
        self.sum(&bytes);
        Ok(bytes)
    }

    /// Reads exactly `len` bytes, taking memory only as they arrive.
    fn vec(&mut self, len: usize) -> Result<Vec<u8>, ReceiveError> {
        let mut bytes = Vec::with_capacity(len.min(64 << 10));
        let read = (&mut self.reader).take(len as u64).read_to_end(&mut bytes);
        let read =
            read.and_then(|read| if read < len { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) });
        read.map_err(|source| ReceiveError::Stream { offset: self.offset, source })?;
        self.sum(&bytes);
        Ok(bytes)
    }

    fn sum(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
    }
}
