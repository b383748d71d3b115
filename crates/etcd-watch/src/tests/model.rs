//! Random histories, watchers and interruptions against a plain list of everything that was ever committed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Fixture, key, span, take};
use crate::catch_up;
use crate::event::is_delete;
use crate::{Filters, Options, Response, Stream, Watch};

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Debug, Clone)]
enum Step {
    /// Which keys to put, and which to delete.
    Commit(u8, u8),
    Watch {
        stream: usize,
        watch: Watch,
    },
    Cancel {
        stream: usize,
        nth: usize,
    },
    Progress {
        stream: usize,
    },
    Take {
        stream: usize,
    },
    CatchUp,
    Compact(u8),
    Reload,
}

fn watch() -> impl Strategy<Value = Watch> {
    let ends = (0..KEYS.len(), 0..KEYS.len(), prop_oneof![Just(0i64), 1..40i64]);
    (ends, any::<(bool, bool)>()).prop_map(|((first, length, start_revision), (no_put, no_delete))| {
        let filters = Filters { no_put: no_put && !no_delete, no_delete: no_delete && no_put };
        let watch = match length {
            0 => key(KEYS[first]),
            1 => span(KEYS[first], "\0"),
            _ => span(KEYS[first], "z"),
        };
        Watch { start_revision, filters, ..watch }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..32u8, 0..32u8).prop_map(|(puts, deletes)| Step::Commit(puts & !deletes, deletes)),
        4 => (0..3usize, watch()).prop_map(|(stream, watch)| Step::Watch { stream, watch }),
        1 => (0..3usize, any::<usize>()).prop_map(|(stream, nth)| Step::Cancel { stream, nth }),
        2 => (0..3usize).prop_map(|stream| Step::Progress { stream }),
        4 => (0..3usize).prop_map(|stream| Step::Take { stream }),
        4 => Just(Step::CatchUp),
        1 => (0..8u8).prop_map(Step::Compact),
        1 => Just(Step::Reload),
    ]
}

/// A change, as the model knows it: revision, key, whether it is a delete.
type Change = (i64, String, bool);

/// What a watcher should see, and what it has seen.
struct Expected {
    watch: Watch,
    /// The first revision that it wants.
    next: i64,
    /// The consumer was told of it.
    is_known: bool,
    is_gone: bool,
    /// A compaction has ended it, and the consumer knows; its id is still taken.
    is_compacted: bool,
}

impl Expected {
    /// Its id is taken.
    fn is_counted(&self) -> bool {
        !self.is_gone || self.is_compacted
    }
}

#[derive(Default)]
struct Model {
    history: Vec<Change>,
    watchers: BTreeMap<(usize, i64), Expected>,
}

impl Model {
    /// Changes in `[next, revision]` that the watcher wants.
    fn changes(&self, expected: &Expected, revision: i64) -> Vec<Change> {
        let Watch { key, range_end, filters, .. } = &expected.watch;
        let is_in = |name: &String| match &range_end[..] {
            [] => name.as_bytes() == &key[..],
            [0] => name.as_bytes() >= &key[..],
            end => name.as_bytes() >= &key[..] && name.as_bytes() < end,
        };
        self.history
            .iter()
            .filter(|(at, name, is_delete)| {
                (expected.next..=revision).contains(at)
                    && is_in(name)
                    && !(if *is_delete { filters.no_delete } else { filters.no_put })
            })
            .cloned()
            .collect()
    }

    /// Checks everything that a stream has for its consumer.
    fn take(&mut self, number: usize, stream: &Stream, compacted: i64) {
        for response in take(stream) {
            match response {
                Response::Created { id, revision } => {
                    let expected = self.watchers.get_mut(&(number, id)).expect("a watcher of ours");
                    if expected.watch.start_revision == 0 {
                        assert_eq!(expected.next, revision + 1);
                    }
                    expected.is_known = true;
                }
                Response::Events(events) => {
                    let expected = &self.watchers[&(number, events.id)];
                    let wanted = self.changes(expected, events.revision);
                    let seen: Vec<Change> = events
                        .events
                        .iter()
                        .map(|event| {
                            let pair = event.message().kv.clone().unwrap();
                            let key = String::from_utf8(pair.key.to_vec()).unwrap();
                            (pair.mod_revision, key, is_delete(event.message()))
                        })
                        .collect();
                    assert_eq!(seen, wanted, "watcher {} of stream {number}", events.id);
                    self.seen(number, events.id, events.revision);
                }
                Response::Progress { id, revision } => {
                    let about: Vec<i64> = self
                        .watchers
                        .iter()
                        .filter(|((stream, watcher), expected)| {
                            *stream == number
                                && (id == -1 || *watcher == id)
                                && expected.is_known
                                && !expected.is_gone
                        })
                        .map(|((_, watcher), _)| *watcher)
                        .collect();
                    for watcher in about {
                        let expected = &self.watchers[&(number, watcher)];
                        let missing = self.changes(expected, revision);
                        assert!(missing.is_empty(), "progress {revision} before {missing:?}");
                        self.seen(number, watcher, revision);
                    }
                }
                Response::Compacted { id, compact_revision } => {
                    let expected = self.watchers.get_mut(&(number, id)).expect("a watcher of ours");
                    assert!(expected.next < compact_revision && compact_revision <= compacted);
                    expected.is_gone = true;
                    expected.is_compacted = true;
                }
                Response::Canceled { id, .. } => {
                    assert!(self.watchers.remove(&(number, id)).is_some_and(|expected| expected.is_gone));
                }
                Response::Refused { .. } => panic!("nothing was refused"),
            }
        }
    }

    fn seen(&mut self, number: usize, id: i64, revision: i64) {
        let expected = self.watchers.get_mut(&(number, id)).expect("a watcher of ours");
        expected.next = expected.next.max(revision + 1);
    }
}

fn play(steps: Vec<Step>, options: Options) {
    let mut fixture = Fixture::new(options);
    let mut model = Model::default();
    let streams = [fixture.hub.stream(), fixture.hub.stream(), fixture.hub.stream()];
    for step in steps {
        match step {
            Step::Commit(puts, deletes) => commit(&mut fixture, &mut model, puts, deletes),
            Step::Watch { stream, watch } => {
                let revision = fixture.store.revision();
                let id = streams[stream].watch(watch.clone()).unwrap();
                let next = if watch.start_revision == 0 { revision + 1 } else { watch.start_revision };
                let expected = Expected { watch, next, is_known: false, is_gone: false, is_compacted: false };
                model.watchers.insert((stream, id), expected);
            }
            Step::Cancel { stream, nth } => {
                let ids: Vec<i64> = model
                    .watchers
                    .iter()
                    .filter(|((number, _), expected)| *number == stream && expected.is_counted())
                    .map(|((_, id), _)| *id)
                    .collect();
                if let Some(id) = ids.get(nth % ids.len().max(1))
                    && streams[stream].cancel(*id)
                {
                    let expected = model.watchers.get_mut(&(stream, *id)).unwrap();
                    (expected.is_gone, expected.is_compacted) = (true, false);
                }
            }
            Step::Progress { stream } => streams[stream].request_progress_all(),
            Step::Take { stream } => {
                model.take(stream, &streams[stream], fixture.store.compact_revision());
            }
            Step::CatchUp => drop(catch_up::round(fixture.hub.inner())),
            Step::Compact(back) => {
                let revision = fixture.store.revision() - i64::from(back);
                if revision > fixture.store.compact_revision().max(0) {
                    fixture.compact(revision);
                }
            }
            Step::Reload => fixture.store.reload().unwrap(),
        }
    }
    // In the end everybody has everything.
    let compacted = fixture.store.compact_revision();
    let revision = fixture.store.revision();
    for _ in 0..200 {
        fixture.catch_up();
        for (number, stream) in streams.iter().enumerate() {
            model.take(number, stream, compacted);
        }
    }
    assert_eq!(fixture.hub.stats().slow_watchers, 0);
    assert_eq!(fixture.hub.stats().pending_events, 0);
    let counted = model.watchers.values().filter(|expected| expected.is_counted()).count();
    assert_eq!(counted, fixture.hub.stats().watchers);
    for expected in model.watchers.values().filter(|expected| !expected.is_gone) {
        assert_eq!(model.changes(expected, revision), [], "{:?}", expected.watch);
    }
}

fn commit(fixture: &mut Fixture, model: &mut Model, puts: u8, deletes: u8) {
    let chosen = |mask: u8| {
        KEYS.into_iter().enumerate().filter(move |(bit, _)| mask & (1 << bit) != 0).map(|(_, key)| key)
    };
    let alive = |model: &Model, key: &str| {
        model
            .history
            .iter()
            .rev()
            .find(|(_, name, _)| name == key)
            .is_some_and(|(_, _, is_delete)| !is_delete)
    };
    let deleted: Vec<_> = chosen(deletes).filter(|key| alive(model, key)).collect();
    let put: Vec<_> = chosen(puts).collect();
    let changes: Vec<_> =
        put.iter().map(|key| (*key, Some("v"))).chain(deleted.iter().map(|key| (*key, None))).collect();
    let revision = fixture.commit(&changes);
    model.history.extend(put.iter().map(|key| (revision, (*key).to_owned(), false)));
    model.history.extend(deleted.iter().map(|key| (revision, (*key).to_owned(), true)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_change_once_in_order_and_whole(
        steps in prop::collection::vec(step(), 1..120),
        stream_bytes in prop_oneof![Just(1usize), 300..2000usize, Just(1 << 20)],
        catch_up_rows in 1..20usize,
        catch_up_watchers in 1..4usize,
    ) {
        play(steps, Options { stream_bytes, catch_up_rows, catch_up_watchers, ..Options::default() });
    }
}
