//! Waits.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::*;

fn sink(sender: SyncSender<u64>) -> Box<dyn Sink> {
    Box::new(move |event: &std::sync::Arc<Event>| sender.try_send(event.index()).is_ok())
}

struct Waiting {
    watch: Watch,
    events: Receiver<u64>,
}

fn watch(store: &mut Store, path: &str, recursive: bool, stream: bool, since: u64) -> Result<Waiting, Error> {
    let (sender, events) = sync_channel(100);
    let watch = store.watch(path, WatchOptions { recursive, stream, since }, sink(sender))?;
    Ok(Waiting { watch, events })
}

impl Waiting {
    fn seen(&self) -> Vec<u64> {
        self.events.try_iter().collect()
    }
}

fn set(store: &mut Store, path: &str) -> u64 {
    store.set(path, false, "value", Expiry::NEVER).unwrap().index()
}

#[test]
fn a_wait_sees_its_key_or_tree_once_and_a_stream_every_time() {
    let mut store = Store::new(Limits::default());
    let one = watch(&mut store, "/a", false, false, 0).unwrap();
    let tree = watch(&mut store, "/a", true, false, 0).unwrap();
    let stream = watch(&mut store, "/", true, true, 0).unwrap();
    let below = set(&mut store, "/a/b");
    store.delete("/a", false, true).unwrap();
    let own = set(&mut store, "/a");
    set(&mut store, "/a");
    assert_eq!(one.seen(), [below + 1]);
    assert_eq!(tree.seen(), [below]);
    assert_eq!(stream.seen(), [below, below + 1, own, own + 1]);
    assert_eq!(store.watchers(), 1);
    store.unwatch(stream.watch.id.as_ref().unwrap());
    assert_eq!(store.watchers(), 0);
}

#[test]
fn the_history_answers_at_once() {
    let mut store = Store::new(Limits::default());
    let first = set(&mut store, "/a/b");
    set(&mut store, "/c");
    let second = set(&mut store, "/a/d");
    let past = watch(&mut store, "/a", true, false, 1).unwrap();
    assert_eq!((past.seen(), past.watch.id.clone()), (vec![first], None));
    let stream = watch(&mut store, "/a", true, true, first).unwrap();
    let third = set(&mut store, "/a/b");
    assert_eq!(stream.seen(), [first, second, third]);
    let future = watch(&mut store, "/c", false, false, third + 2).unwrap();
    set(&mut store, "/c");
    assert_eq!(future.seen(), [0; 0]);
    set(&mut store, "/c");
    assert_eq!(future.seen(), [third + 2]);
}

#[test]
fn hidden_keys_are_seen_from_within_only() {
    let mut store = Store::new(Limits::default());
    let outside = watch(&mut store, "/", true, true, 0).unwrap();
    let inside = watch(&mut store, "/d/_config", true, true, 0).unwrap();
    let index = set(&mut store, "/d/_config/size");
    assert_eq!((outside.seen(), inside.seen()), (vec![], vec![index]));
    let later = watch(&mut store, "/d", true, false, index).unwrap();
    assert_eq!(later.seen(), [0; 0]);
}

#[test]
fn whoever_waits_below_a_directory_is_told_that_it_goes() {
    let mut store = Store::new(Limits::default());
    set(&mut store, "/a/b/c");
    let below = watch(&mut store, "/a/b/c", false, true, 0).unwrap();
    let beside = watch(&mut store, "/a/bc", false, true, 0).unwrap();
    let gone = store.delete("/a/b", false, true).unwrap().index();
    assert_eq!((below.seen(), beside.seen()), (vec![gone], vec![]));
    let past = watch(&mut store, "/a/b/c", false, false, gone).unwrap();
    assert_eq!(past.seen(), [gone]);
}

#[test]
fn old_events_are_forgotten() {
    let limits = Limits { history: 10, ..Limits::default() };
    let mut store = Store::new(limits);
    let mut rows = Rows::default();
    for _ in 0..25 {
        set(&mut store, "/a");
        rows.take(&mut store);
    }
    let refused = watch(&mut store, "/a", false, false, 18).err().map(|error| error.to_json());
    let expected = r#"{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [19/18]","index":28}"#;
    assert_eq!(refused.as_deref(), Some(expected));
    let mut restored = rows.restore(limits);
    let refused = watch(&mut restored, "/a", false, false, 18).err().map(|error| error.to_json());
    assert_eq!(refused.as_deref(), Some(expected));
    assert_eq!(watch(&mut restored, "/a", false, false, 19).unwrap().seen(), [19]);
}

#[test]
fn a_slow_stream_is_let_go() {
    let mut store = Store::new(Limits::default());
    let (sender, events) = sync_channel(3);
    let options = WatchOptions { stream: true, ..WatchOptions::default() };
    store.watch("/a", options, sink(sender)).unwrap();
    for _ in 0..5 {
        set(&mut store, "/a");
    }
    assert_eq!((events.try_iter().count(), store.watchers()), (3, 0));
}

#[test]
fn waits_outlive_a_state_that_is_taken_over() {
    let mut store = Store::new(Limits::default());
    let mut ahead = Store::new(Limits::default());
    let missed = watch(&mut store, "/a", true, false, 0).unwrap();
    let waits = watch(&mut store, "/b", false, true, 0).unwrap();
    let index = set(&mut ahead, "/a/b");
    store.replace_with(ahead);
    assert_eq!((missed.seen(), store.watchers(), store.index()), (vec![index], 1, index));
    let index = set(&mut store, "/b");
    assert_eq!(waits.seen(), [index]);
}

#[test]
fn a_refresh_is_not_seen() {
    let mut store = Store::new(Limits::default());
    let index = set(&mut store, "/a");
    let waits = watch(&mut store, "/a", false, true, 0).unwrap();
    store.update("/a", "", Expiry { at: Some(i64::MAX), refresh: true }).unwrap();
    assert_eq!(waits.seen(), [0; 0]);
    assert_eq!(watch(&mut store, "/a", false, false, index + 1).unwrap().seen(), [0; 0]);
}
