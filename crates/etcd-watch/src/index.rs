//! Finds who watches a key.
//!
//! Single keys are in a hash map, ranges in a treap ordered by their ends, in which every node knows how far the
//! ranges below it reach. Equal ranges share a node. Finding costs a look-up, and for each range that holds the key
//! (or a neighbour that does not) about the height of the tree.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::mem;

use bytes::Bytes;

use crate::watch::Range;

/// Watchers, known by their numbers, by what they watch.
#[derive(Debug, Default)]
pub(crate) struct Index {
    keys: HashMap<Bytes, Vec<usize>>,
    root: Link,
    /// Where priorities come from: any numbers that have nothing to do with the order of keys.
    seed: u64,
}

type Link = Option<Box<Node>>;

#[derive(Debug)]
struct Node {
    start: Bytes,
    /// No end is the end of all keys.
    end: Option<Bytes>,
    /// The largest end here and below.
    reach: Option<Bytes>,
    priority: u64,
    watchers: Vec<usize>,
    left: Link,
    right: Link,
}

impl Index {
    pub(crate) fn insert(&mut self, range: &Range, watcher: usize) {
        match range {
            Range::Key(key) => self.keys.entry(key.clone()).or_default().push(watcher),
            Range::Span(start, end) => {
                if let Some(node) = find(&mut self.root, start, end.as_ref()) {
                    node.watchers.push(watcher);
                    return;
                }
                let node = Node {
                    start: start.clone(),
                    end: end.clone(),
                    reach: end.clone(),
                    priority: self.priority(),
                    watchers: vec![watcher],
                    left: None,
                    right: None,
                };
                insert(&mut self.root, Box::new(node));
            }
        }
    }

    pub(crate) fn remove(&mut self, range: &Range, watcher: usize) {
        let forget = |watchers: &mut Vec<usize>| {
            if let Some(at) = watchers.iter().position(|found| *found == watcher) {
                watchers.swap_remove(at);
            }
            watchers.is_empty()
        };
        match range {
            Range::Key(key) => {
                if self.keys.get_mut(key).is_some_and(forget) {
                    self.keys.remove(key);
                }
            }
            Range::Span(start, end) => {
                let is_empty =
                    find(&mut self.root, start, end.as_ref()).is_some_and(|node| forget(&mut node.watchers));
                if is_empty {
                    remove(&mut self.root, start, end.as_ref());
                }
            }
        }
    }

    /// Shows `visit` every watcher of `key`, each once.
    pub(crate) fn stab(&self, key: &[u8], visit: &mut impl FnMut(usize)) {
        if let Some(watchers) = self.keys.get(key) {
            watchers.iter().copied().for_each(&mut *visit);
        }
        stab(self.root.as_deref(), key, visit);
    }

    /// splitmix64.
    fn priority(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Node {
    fn compare(&self, start: &Bytes, end: Option<&Bytes>) -> Ordering {
        start.cmp(&self.start).then_with(|| compare_ends(end, self.end.as_ref()))
    }

    fn update(&mut self) {
        let mut reach = self.end.clone();
        for below in [&self.left, &self.right].into_iter().flatten() {
            if compare_ends(below.reach.as_ref(), reach.as_ref()).is_gt() {
                reach.clone_from(&below.reach);
            }
        }
        self.reach = reach;
    }
}

/// No end is after every end.
fn compare_ends(a: Option<&Bytes>, b: Option<&Bytes>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

fn is_before(key: &[u8], end: Option<&Bytes>) -> bool {
    end.is_none_or(|end| key < &end[..])
}

fn find<'a>(mut link: &'a mut Link, start: &Bytes, end: Option<&Bytes>) -> Option<&'a mut Node> {
    while let Some(node) = link {
        match node.compare(start, end) {
            Ordering::Less => link = &mut node.left,
            Ordering::Greater => link = &mut node.right,
            Ordering::Equal => return Some(node),
        }
    }
    None
}

/// Puts a range that is not there yet into its place.
fn insert(link: &mut Link, mut new: Box<Node>) {
    match link {
        Some(node) if node.priority >= new.priority => {
            let side = match node.compare(&new.start, new.end.as_ref()) {
                Ordering::Less => &mut node.left,
                _ => &mut node.right,
            };
            insert(side, new);
            node.update();
        }
        _ => {
            (new.left, new.right) = split(link.take(), &new.start, new.end.as_ref());
            new.update();
            *link = Some(new);
        }
    }
}

fn remove(link: &mut Link, start: &Bytes, end: Option<&Bytes>) {
    let Some(node) = link else { return };
    match node.compare(start, end) {
        Ordering::Less => remove(&mut node.left, start, end),
        Ordering::Greater => remove(&mut node.right, start, end),
        Ordering::Equal => {
            *link = merge(mem::take(&mut node.left), mem::take(&mut node.right));
            return;
        }
    }
    node.update();
}

/// Ranges before and after one that is not there.
fn split(link: Link, start: &Bytes, end: Option<&Bytes>) -> (Link, Link) {
    let Some(mut node) = link else { return (None, None) };
    if node.compare(start, end).is_lt() {
        let (before, after) = split(node.left.take(), start, end);
        node.left = after;
        node.update();
        (before, Some(node))
    } else {
        let (before, after) = split(node.right.take(), start, end);
        node.right = before;
        node.update();
        (Some(node), after)
    }
}

/// Joins ranges of which all of `before` come before all of `after`.
fn merge(before: Link, after: Link) -> Link {
    match (before, after) {
        (None, only) | (only, None) => only,
        (Some(mut a), Some(mut b)) => {
            let mut top = if a.priority >= b.priority {
                a.right = merge(a.right.take(), Some(b));
                a
            } else {
                b.left = merge(Some(a), b.left.take());
                b
            };
            top.update();
            Some(top)
        }
    }
}

fn stab(node: Option<&Node>, key: &[u8], visit: &mut impl FnMut(usize)) {
    let Some(node) = node else { return };
    if !is_before(key, node.reach.as_ref()) {
        return;
    }
    stab(node.left.as_deref(), key, visit);
    if &node.start[..] <= key {
        if is_before(key, node.end.as_ref()) {
            node.watchers.iter().copied().for_each(&mut *visit);
        }
        stab(node.right.as_deref(), key, visit);
    }
}
