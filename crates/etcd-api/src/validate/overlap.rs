//! Whether one branch of a transaction writes a key more than once.

use std::collections::{BTreeMap, HashSet};

use etcd_proto::etcdserverpb::RequestOp;
use etcd_proto::etcdserverpb::request_op::Request;

/// Tells whether `branch` puts one key twice, or puts a key that it also deletes, nested transactions included.
///
/// The rule is etcd's to the letter, since clients depend on what is accepted:
/// - the two branches of one nested transaction exclude each other, so they may write the same key;
/// - a put collides with every delete of its own list and of the nested transactions beside it, and a put inside a
///   nested transaction collides with the deletes of the list around it and of *earlier* nested transactions;
/// - deletes never collide with deletes;
/// - a delete whose end is not greater than its key (which includes the end `\0`, "from this key on") covers nothing.
///
/// # Source
/// etcd `server/etcdserver/api/v3rpc/key.go`, `checkIntervals`.
pub fn writes_overlap(branch: &[RequestOp]) -> bool {
    collect(branch).is_none()
}

/// What a branch writes.
#[derive(Default)]
struct Writes<'a> {
    puts: HashSet<&'a [u8]>,
    deletes: Deletes<'a>,
}

fn collect(branch: &[RequestOp]) -> Option<Writes<'_>> {
    let mut all = Writes::default();
    for op in branch {
        if let Some(Request::RequestDeleteRange(delete)) = &op.request {
            all.deletes.insert(&delete.key, &delete.range_end);
        }
    }
    for op in branch {
        if let Some(Request::RequestTxn(txn)) = &op.request {
            let then = collect(&txn.success)?;
            let otherwise = collect(&txn.failure)?;
            all.absorb(then, otherwise)?;
        }
    }
    for op in branch {
        if let Some(Request::RequestPut(put)) = &op.request {
            let key = put.key.as_ref();
            if all.deletes.contains(key) || !all.puts.insert(key) {
                return None;
            }
        }
    }
    Some(all)
}

impl<'a> Writes<'a> {
    /// Adds the two branches of one nested transaction; `None` when either collides with what is here.
    fn absorb(&mut self, then: Self, otherwise: Self) -> Option<()> {
        let collides = |writes: &Self| {
            !self.puts.is_disjoint(&writes.puts) || writes.puts.iter().any(|key| self.deletes.contains(key))
        };
        if collides(&then) || collides(&otherwise) {
            return None;
        }
        for writes in [then, otherwise] {
            merge(&mut self.puts, writes.puts);
            self.deletes.merge(writes.deletes);
        }
        Some(())
    }
}

fn merge<'a>(into: &mut HashSet<&'a [u8]>, mut other: HashSet<&'a [u8]>) {
    // The smaller set moves, so that a deep chain of nested transactions stays cheap.
    if into.len() < other.len() {
        std::mem::swap(into, &mut other);
    }
    into.extend(other);
}

/// Deleted intervals. Only "is this key inside" is ever asked, so overlapping ones are kept as one.
#[derive(Default)]
struct Deletes<'a> {
    /// First key of each interval to its end, disjoint.
    intervals: BTreeMap<&'a [u8], End<'a>>,
}

/// Where an interval ends.
#[derive(Clone, Copy)]
enum End<'a> {
    /// With the first key of the interval, included.
    Point,
    /// Before this key.
    Before(&'a [u8]),
}

impl<'a> Deletes<'a> {
    fn insert(&mut self, key: &'a [u8], range_end: &'a [u8]) {
        if range_end.is_empty() {
            if !self.contains(key) {
                self.intervals.insert(key, End::Point);
            }
        } else if key < range_end {
            self.insert_interval(key, range_end);
        }
    }

    fn insert_interval(&mut self, mut key: &'a [u8], mut end: &'a [u8]) {
        if let Some((&first, &End::Before(before))) = self.intervals.range(..=key).next_back()
            && key <= before
        {
            key = first;
            end = end.max(before);
        }
        let swallowed: Vec<&[u8]> = self.intervals.range(key..end).map(|(&first, _)| first).collect();
        for first in swallowed {
            if let Some(End::Before(before)) = self.intervals.remove(first) {
                end = end.max(before);
            }
        }
        self.intervals.insert(key, End::Before(end));
    }

    fn contains(&self, key: &[u8]) -> bool {
        match self.intervals.range(..=key).next_back() {
            Some((&first, End::Point)) => first == key,
            Some((_, End::Before(end))) => key < *end,
            None => false,
        }
    }

    fn merge(&mut self, mut other: Self) {
        if self.intervals.len() < other.intervals.len() {
            std::mem::swap(self, &mut other);
        }
        for (key, end) in other.intervals {
            match end {
                End::Point => self.insert(key, &[]),
                End::Before(end) => self.insert_interval(key, end),
            }
        }
    }
}
