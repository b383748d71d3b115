//! The database as one commit left it.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use redb::{Database, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};

use crate::database::{self, Meta};
use crate::{Bucket, ReadError};

type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The tables of one commit, opened once and shared by every reader until the next commit.
pub(crate) struct View {
    tables: [Table; Bucket::ALL.len()],
    meta: Meta,
    _keeper: Arc<Keeper>,
}

/// Keeps a database open for the views of it, once another one has taken its place: redb refuses reads from one that is
/// closed.
#[derive(Default)]
pub(crate) struct Keeper(Mutex<Option<Database>>);

impl Keeper {
    /// Takes a database over, until its last view goes.
    pub(crate) fn keep(&self, database: Database) {
        *self.0.lock() = Some(database);
    }
}

impl View {
    /// Opens the tables of the last commit, which must all exist.
    pub(crate) fn open(database: &Database, keeper: &Arc<Keeper>) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        let mut tables = Vec::with_capacity(Bucket::ALL.len());
        for bucket in Bucket::ALL {
            tables.push(transaction.open_table(database::table(bucket))?);
        }
        let meta = Meta::read(&transaction.open_table(database::META)?)?;
        let tables =
            <[Table; Bucket::ALL.len()]>::try_from(tables).expect("one table was pushed for each bucket");
        Ok(Self { tables, meta, _keeper: Arc::clone(keeper) })
    }

    /// What was stored beside the buckets.
    pub(crate) fn meta(&self) -> Meta {
        self.meta
    }

    /// Copies the value of one key.
    pub(crate) fn get(&self, bucket: Bucket, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let found = self.table(bucket).get(key).map_err(|source| ReadError::database(bucket, source))?;
        Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
    }

    /// Shows `visit` the value of one key.
    pub(crate) fn visit<T>(
        &self,
        bucket: Bucket,
        key: &[u8],
        visit: impl FnOnce(Option<&[u8]>) -> T,
    ) -> Result<T, ReadError> {
        let found = self.table(bucket).get(key).map_err(|source| ReadError::database(bucket, source))?;
        Ok(visit(found.as_ref().map(redb::AccessGuard::value)))
    }

    /// The rows in a range of keys, ascending; the range must be valid.
    pub(crate) fn range(
        &self,
        bucket: Bucket,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
    ) -> Result<redb::Range<'static, &'static [u8], &'static [u8]>, ReadError> {
        self.table(bucket).range::<&[u8]>((start, end)).map_err(|source| ReadError::database(bucket, source))
    }

    /// The last key of a bucket; none if it is empty.
    pub(crate) fn last(&self, bucket: Bucket) -> Result<Option<Bytes>, ReadError> {
        let last = self.table(bucket).last().map_err(|source| ReadError::database(bucket, source))?;
        Ok(last.map(|(key, _)| Bytes::copy_from_slice(key.value())))
    }

    /// How many rows all buckets hold.
    pub(crate) fn rows(&self) -> Result<u64, ReadError> {
        Bucket::ALL.into_iter().try_fold(0, |rows, bucket| {
            let len = self.table(bucket).len().map_err(|source| ReadError::database(bucket, source))?;
            Ok(rows + len)
        })
    }

    fn table(&self, bucket: Bucket) -> &Table {
        &self.tables[bucket.index()]
    }
}
