//! Sets of keys as sorted intervals that neither overlap nor touch.

use std::cmp::Ordering;

use bytes::Bytes;

use crate::permission::is_open;

/// A set of keys: intervals, merged where they overlap or touch.
///
/// Shape: sorted, and between two of them there is at least one key that is in neither. So an interval is covered
/// when one of them covers it, and a look-up is one binary search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intervals(Vec<Interval>);

/// The keys from `begin` to before `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interval {
    begin: Bytes,
    /// Empty: there is no end.
    end: Bytes,
}

impl Intervals {
    /// Merges intervals given as in range requests: key, and where the interval ends.
    pub fn merge<'a>(ranges: impl IntoIterator<Item = (&'a Bytes, &'a Bytes)>) -> Self {
        let mut all: Vec<Interval> = ranges.into_iter().filter_map(|(key, end)| interval(key, end)).collect();
        all.sort_by(|a, b| a.begin.cmp(&b.begin));
        let mut merged: Vec<Interval> = Vec::with_capacity(all.len());
        for next in all {
            match merged.last_mut() {
                Some(last) if cmp_ends(&last.end, &next.begin) != Ordering::Less => {
                    if cmp_ends(&last.end, &next.end) == Ordering::Less {
                        last.end = next.end;
                    }
                }
                _ => merged.push(next),
            }
        }
        Self(merged)
    }

    /// Whether all keys of this range are in the set; `range_end` as in a range request.
    ///
    /// A range that can hold no key, because it ends before it begins, is covered when the set holds its first key.
    pub fn cover(&self, key: &[u8], range_end: &[u8]) -> bool {
        if key.is_empty() {
            // Not a key; etcd takes it for the end of everything.
            return false;
        }
        let Some(found) = self.before(key) else { return false };
        if range_end.is_empty() {
            cmp_ends(&found.end, key) == Ordering::Greater
        } else if is_open(range_end) {
            found.end.is_empty()
        } else {
            cmp_ends(&found.end, key) == Ordering::Greater
                && cmp_ends(&found.end, range_end) != Ordering::Less
        }
    }

    /// The last interval that begins at `key` or before.
    fn before(&self, key: &[u8]) -> Option<&Interval> {
        let after = self.0.partition_point(|interval| interval.begin.as_ref() <= key);
        self.0.get(after.checked_sub(1)?)
    }
}

/// The interval of a permission; none when it holds no key.
fn interval(key: &Bytes, range_end: &Bytes) -> Option<Interval> {
    if key.is_empty() {
        return None;
    }
    let begin = key.clone();
    if range_end.is_empty() {
        let mut end = Vec::with_capacity(key.len() + 1);
        end.extend_from_slice(key);
        end.push(0);
        return Some(Interval { begin, end: end.into() });
    }
    let end = if is_open(range_end) { Bytes::new() } else { range_end.clone() };
    (cmp_ends(&end, &begin) == Ordering::Greater).then_some(Interval { begin, end })
}

/// Compares an end with another end or a key; no end comes after everything.
fn cmp_ends(end: &[u8], other: &[u8]) -> Ordering {
    match (end.is_empty(), other.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => end.cmp(other),
    }
}

#[cfg(test)]
mod tests;
