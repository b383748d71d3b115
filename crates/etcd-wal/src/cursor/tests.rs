use etcd_proto::raftpb::{Entry, HardState};
use etcd_proto::walpb;

use super::{Cursor, Effect};
use crate::Damage;

/// Ten entries, the last one in term 5, of which four are committed.
const CURSOR: Cursor =
    Cursor { last: 10, last_term: 5, state: HardState { term: 6, vote: 0, commit: 4 }, ahead: None };

fn mark(index: u64, term: u64) -> walpb::Snapshot {
    walpb::Snapshot { index, term, conf_state: None }
}

fn entry(index: u64, term: u64) -> Entry {
    Entry { index, term, ..Entry::default() }
}

#[test]
fn what_a_mark_does() {
    let ahead = |last, last_term| Cursor { last, last_term, ahead: Some((last + 1, 3)), ..CURSOR };
    let cases = [
        ("on a known entry", mark(4, 2), Some(2), Ok(Effect::None), CURSOR),
        ("on an unknown entry", mark(4, 2), None, Ok(Effect::None), CURSOR),
        ("against a committed entry", mark(4, 2), Some(1), Err(Damage::Term), CURSOR),
        ("ahead", mark(11, 3), None, Ok(Effect::None), ahead(10, 5)),
        ("against an uncommitted entry", mark(7, 3), Some(5), Ok(Effect::Cut(6)), ahead(6, 0)),
        ("against the last entry", mark(10, 3), None, Ok(Effect::Cut(9)), ahead(9, 0)),
        ("on the last entry", mark(10, 5), None, Ok(Effect::None), CURSOR),
    ];
    for (name, mark, term, effect, after) in cases {
        let mut cursor = CURSOR;
        assert_eq!(cursor.mark(&mark, term), effect, "{name}");
        assert_eq!(cursor, after, "{name}");
    }
}

#[test]
fn the_log_goes_on_behind_a_mark_in_the_marks_term() {
    let mut cursor = CURSOR;
    cursor.mark(&mark(10, 3), None).unwrap();
    assert_eq!(cursor.reach(), 10);
    let commit = HardState { term: 6, vote: 0, commit: 10 };
    assert_eq!(cursor.state(commit), Ok(Effect::Jump(10)));
    // A term before that of the entry which was replaced.
    let mut other = cursor;
    assert_eq!(other.entry(&entry(11, 2), None), Err(Damage::Term));
    assert_eq!(cursor.entry(&entry(11, 3), None), Ok(Effect::None));
}

#[test]
fn a_mark_reaches_as_far_as_it_says() {
    let mut cursor = CURSOR;
    assert_eq!(cursor.reach(), 10);
    cursor.mark(&mark(20, 6), None).unwrap();
    assert_eq!((cursor.reach(), cursor.last), (20, 10));
}
