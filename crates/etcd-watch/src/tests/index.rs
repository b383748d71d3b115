//! The index against a list of ranges.

use bytes::Bytes;
use proptest::prelude::*;

use crate::index::Index;
use crate::watch::Range;

fn key() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(0u8..4, 0..3).prop_map(Bytes::from)
}

fn range() -> impl Strategy<Value = Range> {
    prop_oneof![
        key().prop_map(Range::Key),
        (key(), key()).prop_map(|(a, b)| Range::Span(a.clone().min(b.clone()), Some(a.max(b)))),
        key().prop_map(|start| Range::Span(start, None)),
    ]
}

fn holds(range: &Range, key: &Bytes) -> bool {
    match range {
        Range::Key(only) => only == key,
        Range::Span(start, end) => start <= key && end.as_ref().is_none_or(|end| key < end),
    }
}

proptest! {
    #[test]
    fn it_finds_whom_a_list_would_find(
        steps in prop::collection::vec((range(), any::<bool>(), any::<prop::sample::Index>()), 1..60),
        asked in prop::collection::vec(key(), 1..10),
    ) {
        let mut index = Index::default();
        let mut list: Vec<(Range, usize)> = Vec::new();
        for (number, (range, removes, which)) in steps.into_iter().enumerate() {
            if removes && !list.is_empty() {
                let (range, watcher) = list.swap_remove(which.index(list.len()));
                index.remove(&range, watcher);
            } else {
                index.insert(&range, number);
                list.push((range, number));
            }
            for key in &asked {
                let mut found = Vec::new();
                index.stab(key, &mut |watcher| found.push(watcher));
                found.sort_unstable();
                let mut expected: Vec<_> =
                    list.iter().filter(|(range, _)| holds(range, key)).map(|(_, watcher)| *watcher).collect();
                expected.sort_unstable();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
