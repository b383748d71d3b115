//! Which rows changed while the database was being copied.

use std::collections::BTreeSet;
use std::ops::Bound;

use bytes::Bytes;

use crate::buffer::Buffer;
use crate::view::View;
use crate::{Bucket, ReadError};

/// How many rows may change before a copy is given up; each costs about a hundred bytes.
const MAX_CHANGED: usize = 1 << 20;

/// The changes since the copying of one view began.
///
/// Rows above the last one of the view need not be noted: a scan from there finds them. So what a database that mostly
/// appends has to note is little.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The last key of each bucket in the view.
    copied_to: [Option<Bytes>; Bucket::ALL.len()],
    changed: BTreeSet<(Bucket, Bytes)>,
    /// There were too many changes to note all of them.
    is_overrun: bool,
}

impl Journal {
    /// Begins at `view`.
    pub(crate) fn new(view: &View) -> Result<Self, ReadError> {
        let mut copied_to = [const { None }; Bucket::ALL.len()];
        for bucket in Bucket::ALL {
            copied_to[bucket.index()] = view.last(bucket)?;
        }
        Ok(Self { copied_to, changed: BTreeSet::new(), is_overrun: false })
    }

    /// Notes what a commit has changed.
    pub(crate) fn note(&mut self, buffer: &Buffer) {
        if self.is_overrun {
            return;
        }
        for bucket in Bucket::ALL {
            let Some(copied_to) = self.copied_to[bucket.index()].as_deref() else { continue };
            let known = buffer.overlay(bucket).range(Bound::Unbounded, Bound::Included(copied_to));
            // A copy of the key: the original may be a slice of something large.
            self.changed.extend(known.map(|(key, _)| (bucket, Bytes::copy_from_slice(key))));
        }
        if self.changed.len() > MAX_CHANGED {
            self.is_overrun = true;
            self.changed.clear();
        }
    }

    /// The keys that changed among those that were copied, ascending; none if there were too many.
    pub(crate) fn changed(&self) -> Option<impl ExactSizeIterator<Item = &(Bucket, Bytes)>> {
        (!self.is_overrun).then(|| self.changed.iter())
    }

    /// Where the rows of a bucket begin that were not copied.
    pub(crate) fn rest(&self, bucket: Bucket) -> Bound<&[u8]> {
        self.copied_to[bucket.index()].as_deref().map_or(Bound::Unbounded, Bound::Excluded)
    }
}
