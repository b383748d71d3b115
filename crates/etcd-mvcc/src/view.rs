//! The key space as one reader sees it.

use std::cell::RefCell;
use std::convert::Infallible;

use bytes::Bytes;
use etcd_proto::mvccpb::{Event, KeyValue};
use etcd_proto::prost::Message as _;
use etcd_storage::Bucket;

use crate::RangeError;
use crate::index::{CHUNK_KEYS, Span};
use crate::key_index::Version;
use crate::revision::{ROW_KEY_BYTES, Revision};
use crate::store::Inner;

/// Everything up to one revision, including the changes of an open transaction, whose revision that then is.
pub(crate) struct View<'a> {
    pub(crate) inner: &'a Inner,
    /// The newest revision it sees.
    pub(crate) revision: i64,
    /// The changes of the open transaction, by sub revision. They are in the index, but not in the storage.
    pending: &'a [Event],
}

impl<'a> View<'a> {
    pub(crate) fn new(inner: &'a Inner, revision: i64, pending: &'a [Event]) -> Self {
        Self { inner, revision, pending }
    }

    /// The revision to read at, if a request may.
    pub(crate) fn check(&self, requested: i64) -> Result<i64, RangeError> {
        if requested > self.revision {
            Err(RangeError::FutureRevision)
        } else if requested <= 0 {
            Ok(self.revision)
        } else if requested < self.inner.compacted() {
            Err(RangeError::Compacted)
        } else {
            Ok(requested)
        }
    }

    /// Fails if what was read at `at` may have been incomplete, because a compaction did not wait for it. Another
    /// attempt reads at a newer revision, or finds that the one it wants is compacted.
    pub(crate) fn check_whole(&self, at: i64) -> Result<(), RangeError> {
        if at < self.inner.trimmed() { Err(RangeError::Missing { main: at, sub: 0 }) } else { Ok(()) }
    }

    /// The newest version of one key.
    pub(crate) fn latest(&self, key: &[u8]) -> Result<Option<KeyValue>, RangeError> {
        let revision = self.inner.index.modified_at(key, self.revision);
        revision.map(|revision| self.value(revision)).transpose()
    }

    /// How many keys of `span` live at `at`.
    pub(crate) fn count(&self, span: Span<'_>, at: i64) -> i64 {
        let mut count = 0;
        let Ok(()) = self.inner.index.walk::<Infallible>(
            span,
            |_, index| count += i64::from(index.modified_at(at).is_some()),
            || Ok(true),
        );
        count
    }

    /// The first `limit` pairs of `span` at `at`, all if it is 0, and how many there are.
    pub(crate) fn pairs(
        &self,
        span: Span<'_>,
        at: i64,
        limit: usize,
    ) -> Result<(Vec<KeyValue>, i64), RangeError> {
        if let Span::Key(key) = span {
            let Some(revision) = self.inner.index.modified_at(key, at) else { return Ok((Vec::new(), 0)) };
            return Ok((vec![self.value(revision)?], 1));
        }
        let mut pairs = Vec::new();
        let mut taken = 0;
        let mut count = 0;
        // Filled under the lock of the index, read and emptied without it.
        let chunk = RefCell::new(Vec::with_capacity(CHUNK_KEYS));
        self.inner.index.walk(
            span,
            |_, index| {
                let Some(revision) = index.modified_at(at) else { return };
                count += 1;
                if limit == 0 || taken < limit {
                    taken += 1;
                    chunk.borrow_mut().push(revision);
                }
            },
            || {
                self.values(&chunk.borrow(), &mut pairs)?;
                chunk.borrow_mut().clear();
                Ok::<bool, RangeError>(true)
            },
        )?;
        Ok((pairs, count))
    }

    /// As `pairs`, but from the index alone: without values and leases.
    pub(crate) fn keys(&self, span: Span<'_>, at: i64, limit: usize) -> (Vec<KeyValue>, i64) {
        let mut keys = Vec::new();
        let mut count = 0;
        let Ok(()) = self.inner.index.walk::<Infallible>(
            span,
            |key, index| {
                if limit > 0 && keys.len() >= limit {
                    count += i64::from(index.modified_at(at).is_some());
                } else if let Some(version) = index.at(at) {
                    count += 1;
                    keys.push(bare(key, version));
                }
            },
            || Ok(true),
        );
        (keys, count)
    }

    /// The pair that was written at `revision`.
    pub(crate) fn value(&self, revision: Revision) -> Result<KeyValue, RangeError> {
        if let Some(pair) = self.pending(revision) {
            return Ok(pair.clone());
        }
        let row = self.inner.storage.get(Bucket::KEY, &revision.row_key())?;
        decode(revision, row)
    }

    fn values(&self, revisions: &[Revision], pairs: &mut Vec<KeyValue>) -> Result<(), RangeError> {
        pairs.reserve(revisions.len());
        if !self.pending.is_empty() {
            for revision in revisions {
                pairs.push(self.value(*revision)?);
            }
            return Ok(());
        }
        let keys: Vec<[u8; ROW_KEY_BYTES]> = revisions.iter().map(|revision| revision.row_key()).collect();
        let rows = self.inner.storage.get_many(Bucket::KEY, &keys)?;
        for (revision, row) in revisions.iter().zip(rows) {
            pairs.push(decode(*revision, row)?);
        }
        Ok(())
    }

    fn pending(&self, revision: Revision) -> Option<&KeyValue> {
        if self.pending.is_empty() || revision.main != self.revision {
            return None;
        }
        self.pending.get(revision.sub as usize)?.kv.as_ref()
    }
}

fn decode(revision: Revision, row: Option<Bytes>) -> Result<KeyValue, RangeError> {
    let Revision { main, sub } = revision;
    let row = row.ok_or(RangeError::Missing { main, sub })?;
    KeyValue::decode(row).map_err(|_| RangeError::Damaged { main, sub })
}

/// What the index knows of a pair.
fn bare(key: &[u8], version: Version) -> KeyValue {
    KeyValue {
        key: Bytes::copy_from_slice(key),
        create_revision: version.created,
        mod_revision: version.modified.main,
        version: version.version,
        ..KeyValue::default()
    }
}
