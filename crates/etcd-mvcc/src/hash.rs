//! Hashes of the key space, by which members check that they agree.

use std::ops::{Bound, ControlFlow};

use etcd_storage::Bucket;
use parking_lot::Mutex;

use crate::RangeError;

use crate::restore::Head;
use crate::revision::Change;
use crate::store::Inner;

/// How many hashes of compactions are remembered.
const MAX_REMEMBERED: usize = 10;

/// The hash of all rows of a range of revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashKv {
    /// CRC-32C.
    pub hash: u32,
    /// Rows at or below this revision count only if they are live at `hash_revision`; -1 if there was no compaction.
    pub compact_revision: i64,
    /// The newest revision that counts.
    pub hash_revision: i64,
}

/// The hashes that compactions left, by ascending revision.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    hashes: Mutex<Vec<HashKv>>,
}

/// Sums rows.
///
/// # Source
/// etcd `server/storage/mvcc/hash.go` kvHasher.
pub(crate) struct Hasher {
    hash: u32,
    compacted: i64,
    revision: i64,
}

impl Hashes {
    pub(crate) fn store(&self, hash: HashKv) {
        let mut hashes = self.hashes.lock();
        hashes.push(hash);
        hashes.sort_unstable_by_key(|hash| hash.hash_revision);
        if hashes.len() > MAX_REMEMBERED {
            hashes.remove(0);
        }
    }

    pub(crate) fn clear(&self) {
        self.hashes.lock().clear();
    }

    pub(crate) fn all(&self) -> Vec<HashKv> {
        self.hashes.lock().clone()
    }

    fn get(&self, revision: i64) -> Option<HashKv> {
        self.hashes.lock().iter().find(|hash| hash.hash_revision == revision).copied()
    }
}

impl Hasher {
    pub(crate) fn new(compacted: i64, revision: i64) -> Self {
        Self { hash: crc32c::crc32c(Bucket::KEY.name().as_bytes()), compacted, revision }
    }

    /// Adds a row, which counts below the compaction only if it is `kept` by it.
    ///
    /// The tombstone exactly at the compaction never counts: some versions remove it and some do not.
    pub(crate) fn row(&mut self, change: Change, key: &[u8], value: &[u8], kept: bool) {
        let is_old = change.main <= self.compacted;
        let is_last_tombstone = change.tombstone && change.main == self.compacted;
        if change.main > self.revision || (is_old && !kept) || is_last_tombstone {
            return;
        }
        self.hash = crc32c::crc32c_append(self.hash, key);
        self.hash = crc32c::crc32c_append(self.hash, value);
    }

    pub(crate) fn finish(self) -> HashKv {
        HashKv { hash: self.hash, compact_revision: self.compacted, hash_revision: self.revision }
    }
}

/// Hashes every row up to `revision`, 0 for the newest.
///
/// # Source
/// etcd `server/storage/mvcc/kvstore.go` hashByRev.
pub(crate) fn hash_kv(inner: &Inner, revision: i64) -> Result<HashKv, RangeError> {
    if revision > 0
        && let Some(hash) = inner.hashes.get(revision)
    {
        return Ok(hash);
    }
    let (view, _pin) = inner.pinned(revision);
    let compacted = inner.compacted();
    if revision > 0 && revision < compacted {
        return Err(RangeError::Compacted);
    }
    if revision > view.revision {
        return Err(RangeError::FutureRevision);
    }
    let revision = if revision == 0 { view.revision } else { revision };
    let any_live = inner.index.any_at(revision);
    let mut hasher = Hasher::new(compacted, revision);
    let mut damaged = None;
    inner.storage.range(Bucket::KEY, Bound::Unbounded, Bound::Unbounded, |key, value| {
        let Some(change) = Change::from_row_key(key) else {
            damaged = Some((0, 0));
            return ControlFlow::Break(());
        };
        if change.main > revision {
            return ControlFlow::Break(());
        }
        let kept = if change.main <= compacted && any_live {
            match Head::read(value) {
                Some(head) => inner.index.modified_at(head.key, revision) == Some(change.revision()),
                None => {
                    damaged = Some((change.main, change.revision().sub));
                    return ControlFlow::Break(());
                }
            }
        } else {
            true
        };
        hasher.row(change, key, value, kept);
        ControlFlow::Continue(())
    })?;
    if let Some((main, sub)) = damaged {
        return Err(RangeError::Damaged { main, sub });
    }
    if revision > 0 {
        view.check_whole(revision).map_err(|_| RangeError::Compacted)?;
    }
    Ok(hasher.finish())
}
