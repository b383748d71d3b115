//! The revisions of one key against a plain list.

use proptest::prelude::*;

use crate::key_index::{KeyIndex, Version};
use crate::revision::{Change, Revision};

fn at(main: i64) -> Revision {
    Revision { main, sub: 0 }
}

/// What a reader at each revision sees, from a plain replay.
fn replay(changes: &[bool], main: i64) -> Option<Version> {
    let mut seen: Option<Version> = None;
    for (number, is_put) in changes.iter().enumerate() {
        let revision = at(i64::try_from(number).unwrap() + 2);
        if revision.main > main {
            break;
        }
        seen = is_put.then(|| match seen {
            Some(old) => Version { modified: revision, created: old.created, version: old.version + 1 },
            None => Version { modified: revision, created: revision.main, version: 1 },
        });
    }
    seen
}

fn build(changes: &[bool]) -> Option<KeyIndex> {
    let mut index: Option<KeyIndex> = None;
    for (number, is_put) in changes.iter().enumerate() {
        let revision = at(i64::try_from(number).unwrap() + 2);
        match (&mut index, is_put) {
            (None, true) => index = Some(KeyIndex::created_by(revision)),
            (None, false) => {}
            (Some(index), true) => {
                let version = index.put(revision);
                assert_eq!(Some(version), index.latest());
            }
            (Some(index), false) => {
                let lived = index.latest().is_some();
                assert_eq!(index.tombstone(revision), lived);
            }
        }
    }
    index
}

proptest! {
    #[test]
    fn sees_what_a_replay_sees(changes in prop::collection::vec(prop::bool::weighted(0.7), 1..24), cut in 1i64..30) {
        let end = i64::try_from(changes.len()).unwrap() + 3;
        let Some(index) = build(&changes) else { return Ok(()) };
        for main in 0..end {
            let want = replay(&changes, main);
            prop_assert_eq!(index.at(main), want);
            prop_assert_eq!(index.modified_at(main), want.map(|version| version.modified));
        }
        prop_assert_eq!(index.latest(), replay(&changes, end));

        let mut compacted = index.clone();
        let mut dropped = Vec::new();
        let left = compacted.compact(cut, &mut dropped);
        if left.is_empty {
            prop_assert!((cut..end).all(|main| replay(&changes, main).is_none()));
            return Ok(());
        }
        for main in cut..end {
            prop_assert_eq!(compacted.at(main), replay(&changes, main), "at {} after {}", main, cut);
        }
        // Only what nobody can see is dropped, and all of that but a tombstone right at the cut.
        for change in &dropped {
            prop_assert!(change.main <= cut);
            let seen = replay(&changes, cut).map(|version| version.modified);
            prop_assert!(Some(change.revision()) != seen);
        }
        let mut again = compacted.clone();
        prop_assert_eq!(again.compact(cut, &mut dropped), left);
        prop_assert_eq!(again, compacted);
    }

    #[test]
    fn undo_restores_what_was(changes in prop::collection::vec(prop::bool::weighted(0.7), 2..24)) {
        let Some(before) = build(&changes[..changes.len() - 1]) else { return Ok(()) };
        let Some(mut after) = build(&changes) else { return Ok(()) };
        if after != before {
            prop_assert!(!after.undo());
            prop_assert_eq!(after, before);
        }
    }
}

#[test]
fn etcds_own_example() {
    // put 1, put 2, tombstone 3, put 4, tombstone 5, as in the comment of key_index.go.
    let mut index = KeyIndex::new(Change::new(at(1), false), 1, 1);
    index.put(at(2));
    index.tombstone(at(3));
    index.put(at(4));
    index.tombstone(at(5));
    let check = |main: i64, want_dropped: &[i64], want_empty: bool| {
        let mut index = index.clone();
        let mut dropped = Vec::new();
        let left = index.compact(main, &mut dropped);
        let dropped: Vec<i64> = dropped.iter().map(|change| change.main).collect();
        assert_eq!(dropped, want_dropped, "compact({main})");
        assert_eq!(left.is_empty, want_empty, "compact({main})");
    };
    check(1, &[], false);
    check(2, &[1], false);
    check(3, &[1, 2], false);
    check(4, &[1, 2, 3], false);
    check(5, &[1, 2, 3, 4], false);
    check(6, &[1, 2, 3, 4, 5], true);
}

#[test]
fn the_index_entry_stays_small() {
    assert_eq!(size_of::<KeyIndex>(), 32);
    assert_eq!(size_of::<Change>(), 16);
}
