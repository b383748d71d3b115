//! The hub step by step.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use etcd_storage::Storage;

use super::{Fixture, key, show, shown, span, take};
use crate::{End, Filters, Hub, Options, Response, StartError, Watch, WatchError};

fn from(start_revision: i64, watch: Watch) -> Watch {
    Watch { start_revision, ..watch }
}

/// Room for about two small events.
fn tight() -> Options {
    Options { stream_bytes: 600, ..Options::default() }
}

#[test]
fn synced_watchers_get_each_commit_at_once() {
    let mut fixture = Fixture::new(Options::default());
    fixture.commit(&[("a", Some("0"))]);
    let stream = fixture.hub.stream();
    for watch in [key("a"), span("a", "c"), span("b", "\0"), from(4, key("a"))] {
        stream.watch(watch).unwrap();
    }
    assert_eq!(shown(&stream), "0 created at 2 | 1 created at 2 | 2 created at 2 | 3 created at 2");
    fixture.commit(&[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    assert_eq!(shown(&stream), "0@3 a=1 | 1@3 a=1 b=1 | 2@3 b=1 c=1");
    fixture.commit(&[("a", None)]);
    assert_eq!(shown(&stream), "0@4 a- | 1@4 a- | 3@4 a-");
    assert!(stream.cancel(1) && !stream.cancel(1));
    fixture.commit(&[("a", Some("2"))]);
    assert_eq!(shown(&stream), "1 canceled at 4 | 0@5 a=2 | 3@5 a=2");
    assert_eq!(fixture.hub.stats().watchers, 3);
    drop(stream);
    assert_eq!(fixture.hub.stats(), crate::Stats::default());
}

#[test]
fn the_past_is_read_and_joins_the_present() {
    let mut fixture = Fixture::new(Options::default());
    for value in ["1", "2", "3"] {
        fixture.commit(&[("a", Some(value)), ("b", Some(value))]);
    }
    let stream = fixture.hub.stream();
    stream.watch(from(3, key("a"))).unwrap();
    stream.watch(from(4, span("a", "z"))).unwrap();
    stream.request_progress(0);
    stream.request_progress_all();
    assert_eq!(fixture.hub.stats().slow_watchers, 2);
    fixture.commit(&[("b", Some("4"))]);
    fixture.catch_up();
    fixture.commit(&[("a", Some("5"))]);
    assert_eq!(
        shown(&stream),
        "0 created at 4 | 1 created at 4 | 0@5 a=2 a=3 | 1@5 a=3 b=3 b=4 | -1 seen 5 | 0@6 a=5 | 1@6 a=5"
    );
    stream.request_progress(1);
    stream.request_progress_all();
    assert_eq!(shown(&stream), "1 seen 6 | -1 seen 6");
    assert_eq!(fixture.hub.stats().slow_watchers, 0);
}

#[test]
fn compaction_ends_a_watcher_of_the_past() {
    let mut fixture = Fixture::new(Options::default());
    for value in ["1", "2", "3"] {
        fixture.commit(&[("a", Some(value))]);
    }
    fixture.commit(&[("a", None)]);
    fixture.compact(5);
    let stream = fixture.hub.stream();
    stream.watch(from(4, key("a"))).unwrap();
    stream.watch(from(5, key("a"))).unwrap();
    stream.watch(key("a")).unwrap();
    stream.request_progress_all();
    assert_eq!(shown(&stream), "0 created at 5 | 1 created at 5 | 2 created at 5");
    fixture.catch_up();
    assert_eq!(shown(&stream), "0 compacted to 5 | 1@5 a- | -1 seen 5");
    assert_eq!(fixture.hub.stats().watchers, 3, "its id is still taken");
    stream.request_progress(0);
    assert_eq!(shown(&stream), "");
    assert!(stream.cancel(0));
    assert!(!stream.cancel(0), "it is gone");
    assert_eq!(shown(&stream), "0 canceled at 5");
    assert_eq!(fixture.hub.stats().watchers, 2);
}

#[test]
fn the_id_of_a_compacted_watcher_is_taken_until_it_is_canceled() {
    let mut fixture = Fixture::new(Options { watchers: 3, ..Options::default() });
    for value in ["1", "2", "3"] {
        fixture.commit(&[("a", Some(value))]);
    }
    fixture.compact(4);
    let stream = fixture.hub.stream();
    let past = |id| Watch { id, ..from(2, key("a")) };
    stream.watch(past(1)).unwrap();
    stream.watch(past(7)).unwrap();
    fixture.catch_up();
    assert_eq!(shown(&stream), "1 created at 4 | 7 created at 4 | 1 compacted to 4 | 7 compacted to 4");
    assert_eq!(stream.watch(past(7)), Err(WatchError::DuplicateId));
    let other = fixture.hub.stream();
    assert_eq!(other.watch(past(7)), Ok(7), "another stream has ids of its own");
    assert_eq!(stream.watch(key("a")), Err(WatchError::TooMany), "taken ids count");
    assert!(stream.cancel(7));
    assert_eq!(stream.watch(Watch { id: 7, ..key("a") }), Ok(7));
    assert!(stream.cancel(7));
    assert_eq!(stream.watch(key("a")), Ok(0));
    assert!(stream.cancel(0));
    assert_eq!(stream.watch(key("a")), Ok(2), "1 is taken");
    drop(stream);
    assert_eq!(fixture.hub.stats().watchers, 1);
    drop(other);
    assert_eq!(fixture.hub.stats().watchers, 0);
}

#[test]
fn ids_are_chosen_or_given_and_what_makes_no_sense_is_refused() {
    let fixture = Fixture::new(Options { watchers: 4, ..Options::default() });
    let stream = fixture.hub.stream();
    let with = |id| Watch { id, ..key("a") };
    assert_eq!(stream.watch(with(1)), Ok(1));
    assert_eq!(stream.watch(with(0)), Ok(0));
    assert_eq!(stream.watch(with(0)), Ok(2), "1 is taken");
    assert_eq!(stream.watch(with(2)), Err(WatchError::DuplicateId));
    assert_eq!(stream.watch(span("b", "a")), Err(WatchError::EmptyRange));
    assert_eq!(stream.watch(span("b", "b")), Err(WatchError::EmptyRange));
    assert_eq!(stream.watch(from(-1, key("a"))), Err(WatchError::Compacted));
    stream.refuse(Cow::Borrowed("why not"));
    assert_eq!(stream.watch(span("", "\0")), Ok(3));
    assert_eq!(stream.watch(key("a")), Err(WatchError::TooMany));
    assert_eq!(fixture.hub.stats().watchers, 4);
    assert_eq!(
        shown(&stream),
        "1 created at 1 | 0 created at 1 | 2 created at 1 | why not at 1 | 3 created at 1"
    );
    let other = fixture.hub.stream();
    assert!(stream.cancel(3));
    assert_eq!(other.watch(with(1)), Ok(1), "another stream has ids of its own");
}

#[test]
fn filters_leave_out_kinds() {
    let mut fixture = Fixture::new(Options::default());
    let stream = fixture.hub.stream();
    let with = |no_put, no_delete| Watch { filters: Filters { no_put, no_delete }, ..span("a", "z") };
    for watch in [with(true, false), with(false, true), with(true, true), from(2, with(true, false))] {
        stream.watch(watch).unwrap();
    }
    take(&stream);
    fixture.commit(&[("a", Some("1")), ("b", Some("1"))]);
    fixture.commit(&[("a", None), ("c", Some("1"))]);
    assert_eq!(shown(&stream), "1@2 a=1 b=1 | 0@3 a- | 1@3 c=1 | 3@3 a-");
    stream.watch(from(2, with(false, true))).unwrap();
    fixture.catch_up();
    assert_eq!(shown(&stream), "4 created at 3 | 4@3 a=1 b=1 c=1");
}

#[test]
fn a_slow_stream_holds_little_and_misses_nothing() {
    let mut fixture = Fixture::new(tight());
    let slow = fixture.hub.stream();
    let quick = fixture.hub.stream();
    slow.watch(key("a")).unwrap();
    quick.watch(key("a")).unwrap();
    take(&quick);
    for value in 2..50 {
        fixture.commit(&[("a", Some(&value.to_string()))]);
        assert_eq!(shown(&quick), format!("0@{value} a={value}"), "nobody waits for the slow one");
        fixture.catch_up();
    }
    slow.request_progress_all();
    let stats = fixture.hub.stats();
    assert_eq!((stats.slow_watchers, stats.pending_events), (1, 2));
    assert_eq!(shown(&slow), "0 created at 1 | 0@2 a=2 | 0@3 a=3");
    fixture.catch_up();
    let all = Vec::from(take(&slow));
    let [Response::Events(events), Response::Progress { id: -1, revision: 49 }] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!((events.revision, events.events.len()), (49, 46));
    assert_eq!(fixture.hub.stats().slow_watchers, 0);
}

#[test]
fn a_slow_stream_whose_past_is_compacted_learns_it() {
    let mut fixture = Fixture::new(tight());
    let slow = fixture.hub.stream();
    slow.watch(key("a")).unwrap();
    for value in 2..9 {
        fixture.commit(&[("a", Some(&value.to_string()))]);
    }
    fixture.compact(8);
    assert_eq!(shown(&slow), "0 created at 1 | 0@2 a=2 | 0@3 a=3");
    fixture.catch_up();
    assert_eq!(shown(&slow), "0 compacted to 8");
}

#[test]
fn an_event_is_encoded_once_for_everybody() {
    let mut fixture = Fixture::new(Options::default());
    fixture.commit(&[("a", Some("old"))]);
    let streams = [fixture.hub.stream(), fixture.hub.stream()];
    for stream in &streams {
        stream.watch(Watch { previous: true, ..key("a") }).unwrap();
    }
    fixture.commit(&[("a", Some("new"))]);
    let fields = streams.each_ref().map(|stream| {
        let Some(Response::Events(events)) = take(stream).pop_back() else { panic!("no event") };
        assert!(events.previous);
        let previous = events.events[0].message_with_previous(stream.store()).prev_kv.unwrap();
        assert_eq!((&previous.value[..], previous.mod_revision), (&b"old"[..], 2));
        let event = &events.events[0];
        (event.encoded().as_ptr(), event.encoded_with_previous(stream.store()).as_ptr())
    });
    assert_eq!(fields[0], fields[1]);
}

#[test]
fn another_database_is_caught_up_with() {
    let mut fixture = Fixture::new(Options::default());
    let stream = fixture.hub.stream();
    fixture.commit(&[("a", Some("1"))]);
    stream.watch(key("a")).unwrap();
    stream.watch(from(4, key("a"))).unwrap();
    stream.watch(from(9, key("a"))).unwrap();
    fixture.commit(&[("a", Some("2"))]);
    take(&stream);

    let mut ahead = Fixture::new(Options::default());
    for value in 1..6 {
        ahead.commit(&[("a", Some(&value.to_string()))]);
    }
    let mut bytes = Vec::new();
    ahead.storage.snapshot().unwrap().write_to(&mut bytes).unwrap();
    let received = fixture.dir.path().join("received");
    etcd_storage::receive(&received, &mut bytes.as_slice()).unwrap();
    fixture.storage.replace_with(&received).unwrap();
    fixture.store.reload().unwrap();
    stream.request_progress_all();
    assert_eq!(shown(&stream), "");
    fixture.catch_up();
    fixture.commit(&[("a", Some("6"))]);
    assert_eq!(shown(&stream), "0@6 a=3 a=4 a=5 | 1@6 a=3 a=4 a=5 | -1 seen 6 | 0@7 a=6 | 1@7 a=6");
}

#[test]
fn there_is_one_hub_and_it_can_be_closed() {
    let mut fixture = Fixture::new(Options { stream_answers: 2, ..Options::default() });
    assert!(matches!(Hub::start(fixture.store.clone(), Options::default()), Err(StartError::Taken)));
    let stream = fixture.hub.stream();
    stream.watch(key("a")).unwrap();
    fixture.commit(&[("a", Some("1"))]);
    let greedy = fixture.hub.stream();
    for _ in 0..3 {
        greedy.watch(key("a")).unwrap();
    }
    fixture.hub.close();
    assert_eq!(shown(&stream), "0 created at 1 | 0@2 a=1");
    assert_eq!(shown(&greedy), "0 created at 2 | 1 created at 2");
    let end = |stream: &crate::Stream| {
        let mut context = Context::from_waker(Waker::noop());
        stream.poll_batch(&mut context, &mut Default::default())
    };
    assert_eq!(end(&stream), std::task::Poll::Ready(Err(End::Closed)));
    assert_eq!(end(&greedy), std::task::Poll::Ready(Err(End::Overflow)));
    assert_eq!(end(&fixture.hub.stream()), std::task::Poll::Ready(Err(End::Closed)));
}

/// Wakes a thread.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn the_thread_catches_up_and_wakes() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(etcd_storage::Options::new(dir.path().join("db"))).unwrap();
    let (store, mut writer) = etcd_mvcc::Store::open(storage, etcd_mvcc::Options::default()).unwrap();
    let hub = Hub::start(store, Options::default()).unwrap();
    let mut txn = writer.begin(1);
    let put = etcd_proto::etcdserverpb::PutRequest { key: "a".into(), ..Default::default() };
    txn.put(&put).unwrap();
    txn.commit().unwrap();
    let stream = hub.stream();
    stream.watch(from(1, key("a"))).unwrap();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let mut batch = Default::default();
        match stream.poll_batch(&mut context, &mut batch) {
            std::task::Poll::Ready(outcome) => outcome.unwrap(),
            std::task::Poll::Pending => std::thread::park(),
        }
        seen.extend(batch.iter().map(show));
    }
    assert_eq!(seen, ["0 created at 2", "0@2 a="]);
}
