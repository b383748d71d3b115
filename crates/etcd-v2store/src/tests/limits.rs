//! What is refused because it would be too much.

use super::*;

fn cause(answer: Result<std::sync::Arc<Event>, Error>) -> String {
    let error = answer.unwrap_err();
    assert_eq!(error.code, Code::RaftInternal);
    error.cause
}

#[test]
fn every_limit_holds_and_removing_makes_room() {
    let limits =
        Limits { nodes: 4, bytes: 60, depth: 3, path_bytes: 20, value_bytes: 30, ..Limits::default() };
    let mut store = Store::new(limits);
    let mut set = |path: &str, value: &str| store.set(path, false, value, Expiry::NEVER);
    assert_eq!(cause(set("/a/b/c/d", "")), "etcdserver: the path has more than 3 names");
    assert_eq!(cause(set("/aaaaaaaaaaaaaaaaaaaaaaaaa", "")), "etcdserver: the path is longer than 20 bytes");
    let long = "x".repeat(31);
    assert_eq!(cause(set("/a", &long)), "etcdserver: the value is longer than 30 bytes");
    set("/a", &long[..30]).unwrap();
    assert_eq!(cause(set("/b", &long[..30])), "etcdserver: the v2 store is full: it holds 32 bytes");
    set("/b/c/d", "").unwrap();
    assert_eq!(cause(set("/e", "")), "etcdserver: the v2 store is full: it holds 4 keys");
    store.delete("/b", false, true).unwrap();
    assert_eq!(store.nodes(), 1);
    store.set("/e/f/g", false, "", Expiry::NEVER).unwrap();
    let grown = store.update("/e/f/g", &long[..29], Expiry::NEVER);
    assert_eq!(cause(grown), "etcdserver: the v2 store is full: it holds 44 bytes");
}

#[test]
fn waits_and_the_bytes_of_the_history_are_bounded() {
    let limits = Limits { watchers: 1, history_bytes: 100, ..Limits::default() };
    let mut store = Store::new(limits);
    let sink = || Box::new(|_: &std::sync::Arc<Event>| true) as Box<dyn Sink>;
    store.watch("/a", WatchOptions::default(), sink()).unwrap();
    let refused = store.watch("/a", WatchOptions::default(), sink()).unwrap_err();
    assert_eq!(refused.cause, "etcdserver: too many watchers");

    let mut rows = Rows::default();
    for _ in 0..20 {
        store.set("/b", false, &"x".repeat(20), Expiry::NEVER).unwrap();
        rows.take(&mut store);
    }
    let events = rows.0.keys().filter(|key| key[0] == b'e').count();
    assert!(events <= 3, "{events} events are kept in rows");
    assert_eq!(rows.restore(limits).index(), store.index());
}

#[test]
fn rows_of_something_else_are_refused() {
    let rows: [(&[u8], &[u8]); 5] =
        [(b"x", b""), (b"n/a", b"short"), (b"e\0\0", &[200]), (b"", b""), (b"n/\xff", &[0; 25])];
    for row in rows {
        assert!(matches!(Store::restore(Limits::default(), [row]), Err(RestoreError::Malformed { .. })));
    }
    let mut row = vec![0; 24];
    row.push(1);
    let orphan = Store::restore(Limits::default(), [(&b"n/a/b"[..], row.as_slice())]);
    assert!(matches!(orphan, Err(RestoreError::Orphan { .. })));
}

#[test]
fn rows_that_a_store_would_not_go_on_with_are_refused() {
    let mut store = Store::new(Limits::default());
    store.set("/a", false, "x", Expiry::NEVER).unwrap();
    let mut rows = Rows::default();
    rows.take(&mut store);
    let event =
        rows.0.iter().find(|(key, _)| key[0] == b'e').map(|(key, value)| (key.clone(), value.clone()));
    let node = rows.0[&b"n/a"[..]].clone();
    let (slot, event) = event.unwrap();
    let mut last = event.clone();
    // The event's `modified`: after action, flags and `created`.
    last[10..18].copy_from_slice(&u64::MAX.to_be_bytes());
    let deep = "/a".repeat(Limits::default().depth + 1);
    for (key, value) in [
        (b"n".to_vec(), &node),
        (b"na".to_vec(), &node),
        (b"n/a/".to_vec(), &node),
        (b"n//a".to_vec(), &node),
        (b"n/./a".to_vec(), &node),
        (format!("n{deep}").into_bytes(), &node),
        (b"e\0\0".to_vec(), &event),
        ([&slot[..], b"x"].concat(), &event),
        ([b"e", &((u64::MAX % 1000) as u16).to_be_bytes()[..]].concat(), &last),
    ] {
        let refused = Store::restore(Limits::default(), [(key.as_slice(), value.as_slice())]);
        assert!(matches!(refused, Err(RestoreError::Malformed { .. })), "{key:?}");
    }
    Store::restore(Limits::default(), [(slot.as_slice(), event.as_slice())]).unwrap();
}
