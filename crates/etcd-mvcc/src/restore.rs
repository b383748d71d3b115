//! How the index is loaded from the rows.

use std::collections::HashMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use etcd_proto::prost::encoding::DecodeContext;
use etcd_proto::prost::encoding::{WireType, decode_key, decode_varint, skip_field};
use etcd_storage::{Bucket, Storage};
use tracing::info;

use crate::OpenError;
use crate::index::Tree;
use crate::key_index::KeyIndex;
use crate::revision::{Change, Revision};

/// Where a compaction that was asked for is stored.
pub(crate) const SCHEDULED: &str = "scheduledCompactRev";

/// Where a compaction that has ended is stored.
pub(crate) const FINISHED: &str = "finishedCompactRev";

/// No store counts as far as this; a row that does is damaged, and counting on from there would overflow.
const HIGHEST: i64 = i64::MAX >> 1;

/// What the storage holds.
pub(crate) struct Restored {
    pub(crate) tree: Tree,
    pub(crate) current: i64,
    /// The newest compaction that has ended; -1 if there is none.
    pub(crate) finished: i64,
    /// The newest compaction that was asked for; -1 if there is none.
    pub(crate) scheduled: i64,
    /// The living keys that have a lease, and which.
    pub(crate) leases: Vec<(Bytes, i64)>,
}

/// Reads every row.
///
/// # Source
/// etcd `server/storage/mvcc/kvstore.go` restore.
pub(crate) fn restore(storage: &Storage) -> Result<Restored, OpenError> {
    let finished = read_compaction(storage, FINISHED)?;
    let scheduled = read_compaction(storage, SCHEDULED)?;
    let mut tree = Tree::new();
    let mut leases = HashMap::new();
    let mut newest = 1;
    let mut bad = None;
    storage.range(
        Bucket::KEY,
        Bound::Unbounded,
        Bound::Unbounded,
        |key, value| match Change::from_row_key(key).zip(Head::read(value)) {
            Some((change, head)) if change.main <= HIGHEST && head.is_sound() => {
                newest = newest.max(change.main);
                note_lease(&mut leases, change, &head);
                add(&mut tree, change, &head);
                ControlFlow::Continue(())
            }
            _ => {
                bad = Some(key.to_vec());
                ControlFlow::Break(())
            }
        },
    )?;
    if let Some(key) = bad {
        return Err(OpenError::Row { bucket: Bucket::KEY.name(), key });
    }
    // The newest row may have been a tombstone that a compaction removed.
    let current = newest.max(finished).max(scheduled);
    info!(revision = current, compact_revision = finished, keys = tree.len(), "restored key space");
    Ok(Restored { tree, current, finished, scheduled, leases: leases.into_iter().collect() })
}

/// The row under which a compaction is stored.
pub(crate) fn compaction_row(revision: i64) -> Vec<u8> {
    Revision { main: revision, sub: 0 }.row_key().to_vec()
}

fn read_compaction(storage: &Storage, name: &str) -> Result<i64, OpenError> {
    let Some(row) = storage.get(Bucket::META, name.as_bytes())? else { return Ok(-1) };
    let change = Change::from_row_key(&row)
        .filter(|change| change.main <= HIGHEST)
        .ok_or_else(|| OpenError::Row { bucket: Bucket::META.name(), key: name.as_bytes().to_vec() })?;
    Ok(change.main)
}

fn add(tree: &mut Tree, change: Change, head: &Head<'_>) {
    if let Some(index) = tree.get_mut(head.key) {
        if change.tombstone {
            index.tombstone(change.revision());
        } else {
            index.put(change.revision());
        }
    } else if let Entry::Vacant(entry) = tree.entry(head.key.into()) {
        entry.insert(KeyIndex::new(change, head.created, head.version));
    }
}

/// Rows come by revision, so that the last word about a key is its newest.
fn note_lease(leases: &mut HashMap<Bytes, i64>, change: Change, head: &Head<'_>) {
    if head.lease != 0 && !change.tombstone {
        leases.insert(Bytes::copy_from_slice(head.key), head.lease);
    } else if !leases.is_empty() {
        leases.remove(head.key);
    }
}

/// What the index needs of a stored `KeyValue`, without copying the value.
pub(crate) struct Head<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) created: i64,
    pub(crate) version: i64,
    pub(crate) lease: i64,
}

impl<'a> Head<'a> {
    fn is_sound(&self) -> bool {
        let counts = 0..=HIGHEST;
        counts.contains(&self.created) && counts.contains(&self.version)
    }

    /// Reads an encoded `mvccpb.KeyValue`; none if it is not one.
    pub(crate) fn read(mut row: &'a [u8]) -> Option<Self> {
        const KEY: u32 = 1;
        const CREATE_REVISION: u32 = 2;
        const VERSION: u32 = 4;
        const LEASE: u32 = 6;
        let mut head = Self { key: &[], created: 0, version: 0, lease: 0 };
        while !row.is_empty() {
            let (tag, wire_type) = decode_key(&mut row).ok()?;
            match (tag, wire_type) {
                (KEY, WireType::LengthDelimited) => {
                    let len = usize::try_from(decode_varint(&mut row).ok()?).ok()?;
                    (head.key, row) = row.split_at_checked(len)?;
                }
                (CREATE_REVISION, WireType::Varint) => head.created = read_i64(&mut row)?,
                (VERSION, WireType::Varint) => head.version = read_i64(&mut row)?,
                (LEASE, WireType::Varint) => head.lease = read_i64(&mut row)?,
                _ => skip_field(wire_type, tag, &mut row, DecodeContext::default()).ok()?,
            }
        }
        Some(head)
    }
}

fn read_i64(row: &mut &[u8]) -> Option<i64> {
    Some(decode_varint(row).ok()?.cast_signed())
}
