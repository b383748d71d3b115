//! Changes that are not in the database yet.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use crate::Bucket;
use crate::batch::Op;

/// What each row costs beside its bytes, in the accounting of memory.
const ROW_OVERHEAD: usize = 96;

/// Rows for which an empty buffer keeps memory, a bucket.
const MAX_KEPT: usize = 16 << 10;

/// The changes of every bucket since one commit.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    overlays: [Overlay; Bucket::ALL.len()],
    ops: usize,
    bytes: usize,
}

/// The changes of one bucket: a key's value, or none if it is deleted.
///
/// Keys mostly arrive in ascending order, as revisions do, and are then appended to `sorted`. A key that is not above
/// its end goes to `rest`, which wins: it is the later one.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    sorted: Vec<(Bytes, Option<Bytes>)>,
    rest: BTreeMap<Bytes, Option<Bytes>>,
}

impl Buffer {
    /// Applies one change.
    pub(crate) fn apply(&mut self, op: Op) {
        self.ops += 1;
        self.bytes += op.key.len() + op.value.as_ref().map_or(0, Bytes::len) + ROW_OVERHEAD;
        self.overlays[op.bucket.index()].insert(op.key, op.value);
    }

    /// Empties it for the next commit. It keeps its memory, within reason: growing again from nothing costs a page
    /// fault for every 4 KiB.
    pub(crate) fn clear(&mut self) {
        for overlay in &mut self.overlays {
            overlay.sorted.clear();
            overlay.sorted.shrink_to(MAX_KEPT);
            overlay.rest.clear();
        }
        self.ops = 0;
        self.bytes = 0;
    }

    /// The changes of one bucket.
    pub(crate) fn overlay(&self, bucket: Bucket) -> &Overlay {
        &self.overlays[bucket.index()]
    }

    /// How many changes were applied.
    pub(crate) fn ops(&self) -> usize {
        self.ops
    }

    /// The keys and values among the changes.
    pub(crate) fn row_bytes(&self) -> usize {
        self.bytes - self.ops * ROW_OVERHEAD
    }

    /// About how much memory the changes hold.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Overlay {
    /// The change of `key`, if there is one: its value, or none when it is deleted.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        if !self.rest.is_empty()
            && let Some(value) = self.rest.get(key)
        {
            return Some(value);
        }
        let (last, value) = self.sorted.last()?;
        match key.cmp(last) {
            Ordering::Greater => None,
            Ordering::Equal => Some(value),
            Ordering::Less => {
                let at = self.sorted.binary_search_by(|(other, _)| other.as_ref().cmp(key)).ok()?;
                Some(&self.sorted[at].1)
            }
        }
    }

    /// The changes in a range of keys, ascending.
    pub(crate) fn range<'a>(
        &'a self,
        start: Bound<&'a [u8]>,
        end: Bound<&'a [u8]>,
    ) -> Merge<'a, impl Iterator<Item = Change<'a>>, impl Iterator<Item = Change<'a>>> {
        let from = self.sorted.partition_point(|(key, _)| match start {
            Bound::Included(start) => key.as_ref() < start,
            Bound::Excluded(start) => key.as_ref() <= start,
            Bound::Unbounded => false,
        });
        let sorted = self.sorted[from..].iter().map(|(key, value)| (key, value)).take_while(
            move |(key, _)| match end {
                Bound::Included(end) => key.as_ref() <= end,
                Bound::Excluded(end) => key.as_ref() < end,
                Bound::Unbounded => true,
            },
        );
        let rest = is_valid(start, end).then(|| self.rest.range::<[u8], _>((start, end)));
        Merge::new(rest.into_iter().flatten(), sorted)
    }

    /// Every change, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        self.range(Bound::Unbounded, Bound::Unbounded)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty() && self.rest.is_empty()
    }

    fn insert(&mut self, key: Bytes, value: Option<Bytes>) {
        match self.sorted.last_mut() {
            Some((last, old)) if *last == key => *old = value,
            Some((last, _)) if *last > key => {
                self.rest.insert(key, value);
            }
            _ => self.sorted.push((key, value)),
        }
    }
}

/// A changed key and its value, if it has one.
pub(crate) type Change<'a> = (&'a Bytes, &'a Option<Bytes>);

/// Two ascending sequences as one; where both have a key, the first one's entry is taken.
pub(crate) struct Merge<'a, A: Iterator<Item = Change<'a>>, B: Iterator<Item = Change<'a>>> {
    first: std::iter::Peekable<A>,
    second: std::iter::Peekable<B>,
}

impl<'a, A: Iterator<Item = Change<'a>>, B: Iterator<Item = Change<'a>>> Merge<'a, A, B> {
    pub(crate) fn new(first: A, second: B) -> Self {
        Self { first: first.peekable(), second: second.peekable() }
    }
}

impl<'a, A: Iterator<Item = Change<'a>>, B: Iterator<Item = Change<'a>>> Iterator for Merge<'a, A, B> {
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        let (Some((first, _)), Some((second, _))) = (self.first.peek(), self.second.peek()) else {
            return self.first.next().or_else(|| self.second.next());
        };
        match first.cmp(second) {
            Ordering::Less => self.first.next(),
            Ordering::Greater => self.second.next(),
            Ordering::Equal => {
                self.second.next();
                self.first.next()
            }
        }
    }
}

/// Whether a range can hold anything; `BTreeMap::range` panics on one that cannot.
pub(crate) fn is_valid(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
        (Bound::Included(start), Bound::Included(end)) => start <= end,
        (Bound::Included(start) | Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => {
            start < end
        }
    }
}
