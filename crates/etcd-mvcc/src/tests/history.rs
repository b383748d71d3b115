//! The history, and who hears of it as it is made.

use std::sync::Arc;

use etcd_proto::mvccpb::Event;
use parking_lot::Mutex;

use super::{Fixture, delete, put};
use crate::{HistoryLimit, Listener, RangeError};

const ALL: HistoryLimit = HistoryLimit { rows: usize::MAX, bytes: usize::MAX };

/// Revisions with their events; `None` for a reload.
type Calls = Vec<Option<(i64, Vec<Event>)>>;

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Calls>>);

impl Listener for Heard {
    fn committed(&self, revision: i64, events: &[Event]) {
        self.0.lock().push(Some((revision, events.to_vec())));
    }

    fn reloaded(&self) {
        self.0.lock().push(None);
    }
}

/// Revisions: a 2, b 3, then a deleted and b, c put in 4, nothing changed by two refused requests, a again 5.
fn fixture() -> (Fixture, Vec<Event>) {
    let mut fixture = Fixture::new();
    let heard = Heard::default();
    assert!(fixture.store.listen(Box::new(heard.clone())));
    assert!(!fixture.store.listen(Box::new(Heard::default())), "there is one listener");
    fixture.put("a", "1");
    fixture.put("b", "2");
    let mut txn = fixture.begin();
    txn.delete_range(&delete("a", "")).unwrap();
    txn.put(&put("b", "3")).unwrap();
    txn.put(&put("c", "4")).unwrap();
    txn.commit().unwrap();
    fixture.delete("nothing");
    drop(fixture.begin());
    fixture.put("a", "5");
    fixture.store.reload().unwrap();
    let heard = std::mem::take(&mut *heard.0.lock());
    let revisions: Vec<_> = heard.iter().map(|heard| heard.as_ref().map(|(revision, _)| *revision)).collect();
    assert_eq!(revisions, [Some(2), Some(3), Some(4), Some(5), None]);
    (fixture, heard.into_iter().flatten().flat_map(|(_, events)| events).collect())
}

#[test]
fn the_history_is_what_was_heard() {
    let (fixture, heard) = fixture();
    assert_eq!(heard.len(), 6);
    let fixture = fixture.reopen();
    let history = fixture.store.history(1, ALL, |_| true).unwrap();
    assert_eq!((history.events, history.next), (heard.clone(), 6));
    let part = fixture.store.history(4, ALL, |key| key == b"a").unwrap();
    assert_eq!(part.events, [heard[2].clone(), heard[5].clone()]);
    let future = fixture.store.history(9, ALL, |_| true).unwrap();
    assert_eq!((future.events.len(), future.next), (0, 9));
}

#[test]
fn a_limit_never_splits_a_revision() {
    let (fixture, heard) = fixture();
    for rows in 1..8 {
        let (mut next, mut events) = (1, Vec::new());
        while next < 6 {
            let part = fixture.store.history(next, HistoryLimit { rows, ..ALL }, |_| true).unwrap();
            assert!(part.next > next, "it goes on");
            assert!(part.events.iter().all(|event| (next..part.next).contains(&revision(event))), "{part:?}");
            next = part.next;
            events.extend(part.events);
        }
        assert_eq!(events, heard, "{rows} rows");
    }
    let bytes = fixture.store.history(1, HistoryLimit { bytes: 1, ..ALL }, |_| true).unwrap();
    assert_eq!((bytes.events.len(), bytes.next), (1, 3));
}

#[test]
fn what_is_compacted_is_refused_and_the_rest_is_whole() {
    let (mut fixture, heard) = fixture();
    fixture.compact(4);
    assert!(matches!(fixture.store.history(3, ALL, |_| true), Err(RangeError::Compacted)));
    assert_eq!(fixture.store.history(4, ALL, |_| true).unwrap().events, heard[2..]);
    // Many revisions that left no row behind.
    for value in 0..3000 {
        fixture.put("a", &value.to_string());
    }
    fixture.compact(3000);
    assert_eq!(fixture.store.history(3000, ALL, |_| true).unwrap().events.len(), 6);
}

fn revision(event: &Event) -> i64 {
    event.kv.as_ref().unwrap().mod_revision
}
