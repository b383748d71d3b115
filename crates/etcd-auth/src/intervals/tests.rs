use proptest::prelude::*;

use super::*;

fn set(ranges: &[(&'static str, &'static str)]) -> Intervals {
    let ranges: Vec<(Bytes, Bytes)> = ranges
        .iter()
        .map(|(key, end)| (Bytes::from_static(key.as_bytes()), Bytes::from_static(end.as_bytes())))
        .collect();
    Intervals::merge(ranges.iter().map(|(key, end)| (key, end)))
}

#[test]
fn ranges_are_covered_when_every_key_is() {
    let check = |ranges: &[(&'static str, &'static str)], key: &str, end: &str, expected: bool| {
        let covered = set(ranges).cover(key.as_bytes(), end.as_bytes());
        assert_eq!(covered, expected, "{ranges:?} {key:?} {end:?}");
    };
    check(&[], "a", "", false);
    check(&[("a", "")], "a", "", true);
    check(&[("a", "")], "b", "", false);
    check(&[("a", "")], "a", "a\0", true);
    check(&[("a", "")], "a", "b", false);
    check(&[("a", "c")], "a", "", true);
    check(&[("a", "c")], "b", "c", true);
    check(&[("a", "c")], "c", "", false);
    check(&[("a", "c")], "a", "d", false);
    // Two that touch are one, a gap is not covered.
    check(&[("a", "c"), ("c", "e")], "b", "d", true);
    check(&[("a", "c"), ("d", "e")], "b", "d", false);
    check(&[("a", ""), ("a\0", "b")], "a", "b", true);
    // One inside another changes nothing.
    check(&[("a", "z"), ("b", "c")], "d", "e", true);
    // No end.
    check(&[("b", "\0")], "c", "\0", true);
    check(&[("b", "\0")], "b", "z", true);
    check(&[("b", "\0")], "a", "\0", false);
    check(&[("b", "z")], "c", "\0", false);
    check(&[("\0", "\0")], "\0", "\0", true);
    check(&[("a", "c"), ("b", "\0")], "a", "\0", true);
    // What is no range allows nothing.
    check(&[("c", "a")], "c", "", false);
    check(&[("", "z")], "a", "", false);
    check(&[("a", "z")], "", "\0", false);
}

/// Keys over two letters, up to three long: all of them can be looked at.
fn keys() -> Vec<Vec<u8>> {
    let mut keys = vec![Vec::new()];
    let mut last = keys.clone();
    for _ in 0..3 {
        last = last.iter().flat_map(|key| [0, 1].map(|byte| [key.as_slice(), &[byte]].concat())).collect();
        keys.extend(last.clone());
    }
    keys.retain(|key| !key.is_empty());
    keys
}

/// Whether a range request for `key` and `end` is about `probe`.
fn holds(key: &[u8], end: &[u8], probe: &[u8]) -> bool {
    if end.is_empty() {
        probe == key
    } else if end == [0] {
        probe >= key
    } else {
        probe >= key && probe < end
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..2_u8, 1..4)
}

fn end() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..2_u8, 0..4)
}

proptest! {
    /// Against looking at every key there is. Between two keys of the small alphabet lie others (`[1]` and `[1, 0]`
    /// have none between them, `[0, 1, 1]` and `[1]` do), so that a covered range is one without such a gap.
    #[test]
    fn covering_is_what_looking_at_every_key_finds(
        ranges in proptest::collection::vec((bytes(), end()), 0..6),
        key in bytes(),
        range_end in end(),
    ) {
        let owned: Vec<(Bytes, Bytes)> =
            ranges.iter().map(|(key, end)| (key.clone().into(), end.clone().into())).collect();
        let set = Intervals::merge(owned.iter().map(|(key, end)| (key, end)));
        let mut probes = keys();
        // One key behind each of them that is not in the alphabet, and one behind everything.
        probes.extend(keys().into_iter().map(|key| [key.as_slice(), &[2]].concat()));
        probes.extend(keys().into_iter().map(|key| [key.as_slice(), &[0, 0, 0, 2]].concat()));
        probes.push(vec![0xff]);
        let asked: Vec<_> = probes.into_iter().filter(|probe| holds(&key, &range_end, probe)).collect();
        prop_assume!(!asked.is_empty());
        let expected =
            asked.iter().all(|probe| ranges.iter().any(|(key, end)| holds(key, end, probe)));
        prop_assert_eq!(set.cover(&key, &range_end), expected);
    }

    #[test]
    fn merged_intervals_are_sorted_and_apart(ranges in proptest::collection::vec((bytes(), end()), 0..8)) {
        let owned: Vec<(Bytes, Bytes)> =
            ranges.iter().map(|(key, end)| (key.clone().into(), end.clone().into())).collect();
        let set = Intervals::merge(owned.iter().map(|(key, end)| (key, end)));
        for pair in set.0.windows(2) {
            prop_assert!(!pair[0].end.is_empty() && pair[0].end < pair[1].begin, "{:?}", set);
        }
    }
}
