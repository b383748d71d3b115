//! Every watcher and where it stands; guarded by the hub's one lock.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use etcd_proto::mvccpb;
use slab::Slab;

use crate::event::{self, Event};
use crate::index::Index;
use crate::outbox::{Outbox, Pushed};
use crate::response::{ALL_WATCHERS, Events, Response};
use crate::watch::{Spec, Watch, WatchError};

/// A watcher that may be gone by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    slot: usize,
    serial: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Core {
    /// Every commit up to this revision was handed to the synced watchers.
    pub(crate) revision: i64,
    watchers: Slab<Watcher>,
    streams: Slab<Consumer>,
    index: Index,
    /// Watchers that wait to be caught up, the longest waiting first; some may be gone.
    ready: VecDeque<Key>,
    /// Watchers that are not synced.
    lagging: usize,
    /// Tells watchers apart that have the same slot one after the other.
    serial: u64,
    /// To be woken when the lock is free again.
    pub(crate) wakers: Vec<Waker>,
    /// Reused: who gets which change of a commit.
    matched: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct Watcher {
    serial: u64,
    spec: Arc<Spec>,
    stream: usize,
    /// Changes before this revision are not for it, or it has them.
    next: i64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Gets every commit.
    Synced,
    /// In `ready`.
    Ready,
    /// Being caught up.
    Reading,
    /// Waits for room in its stream.
    Parked,
}

/// A stream as the hub sees it.
#[derive(Debug)]
struct Consumer {
    outbox: Arc<Outbox>,
    ids: HashMap<i64, usize>,
    /// Ids of watchers that a compaction has ended. They are taken, and counted, until the consumer cancels them.
    compacted: HashSet<i64>,
    next_id: i64,
    /// Its watchers that are not synced.
    lagging: usize,
    parked: Vec<Key>,
    /// Has asked for its progress while it had such watchers.
    wants_progress: bool,
}

/// A watcher that is being caught up.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) key: Key,
    pub(crate) spec: Arc<Spec>,
    pub(crate) next: i64,
}

impl Core {
    pub(crate) fn add_stream(&mut self, outbox: Arc<Outbox>) -> usize {
        self.streams.insert(Consumer {
            outbox,
            ids: HashMap::new(),
            compacted: HashSet::new(),
            next_id: 0,
            lagging: 0,
            parked: Vec::new(),
            wants_progress: false,
        })
    }

    /// Returns how many watchers went with it.
    pub(crate) fn remove_stream(&mut self, stream: usize) -> usize {
        let slots: Vec<usize> = self.streams[stream].ids.values().copied().collect();
        slots.iter().for_each(|slot| self.remove(*slot));
        slots.len() + self.streams.remove(stream).compacted.len()
    }

    pub(crate) fn outboxes(&self) -> impl Iterator<Item = &Arc<Outbox>> {
        self.streams.iter().map(|(_, stream)| &stream.outbox)
    }

    /// Adds a watcher, whose first answer is that it is there. `current` is the store's revision, read under the lock
    /// and after the watcher was counted.
    pub(crate) fn watch(&mut self, stream: usize, watch: &Watch, current: i64) -> Result<i64, WatchError> {
        let range = watch.range()?;
        let consumer = &mut self.streams[stream];
        let id = consumer.choose_id(watch.id)?;
        if self.watchers.is_empty() {
            // Nobody was told of commits in the meantime.
            self.revision = current;
        }
        let is_past = watch.start_revision > 0 && watch.start_revision <= current;
        let next = if is_past { watch.start_revision } else { watch.start_revision.max(current + 1) };
        self.serial += 1;
        let spec = Arc::new(Spec::new(id, range, watch));
        let state = if is_past { State::Ready } else { State::Synced };
        let entry = self.watchers.vacant_entry();
        let slot = entry.key();
        self.index.insert(&spec.range, slot);
        entry.insert(Watcher { serial: self.serial, spec, stream, next, state });
        consumer.ids.insert(id, slot);
        self.wakers.extend(consumer.outbox.push_answer(Response::Created { id, revision: current }));
        if is_past {
            self.lagging += 1;
            consumer.lagging += 1;
            self.ready.push_back(Key { slot, serial: self.serial });
        }
        Ok(id)
    }

    /// Removes a watcher, and says so; false if there is none.
    pub(crate) fn cancel(&mut self, stream: usize, id: i64, current: i64) -> bool {
        let consumer = &mut self.streams[stream];
        if let Some(slot) = consumer.ids.get(&id).copied() {
            self.remove(slot);
        } else if !consumer.compacted.remove(&id) {
            return false;
        }
        self.answer(stream, Response::Canceled { id, revision: current });
        true
    }

    pub(crate) fn answer(&mut self, stream: usize, response: Response) {
        self.wakers.extend(self.streams[stream].outbox.push_answer(response));
    }

    /// Tells how far a watcher is, if it is synced.
    pub(crate) fn progress(&mut self, stream: usize, id: i64) {
        let consumer = &self.streams[stream];
        let Some(slot) = consumer.ids.get(&id) else { return };
        if self.watchers[*slot].state == State::Synced {
            self.answer(stream, Response::Progress { id, revision: self.revision });
        }
    }

    /// Tells how far a stream is, as soon as all of its watchers are synced.
    pub(crate) fn progress_all(&mut self, stream: usize) {
        let consumer = &mut self.streams[stream];
        if consumer.ids.is_empty() {
            return;
        }
        if consumer.lagging > 0 {
            consumer.wants_progress = true;
        } else {
            self.answer(stream, Response::Progress { id: ALL_WATCHERS, revision: self.revision });
        }
    }

    /// Hands a commit to the synced watchers.
    pub(crate) fn commit(&mut self, revision: i64, events: &[mvccpb::Event]) {
        self.revision = revision;
        let mut matched = std::mem::take(&mut self.matched);
        for (number, event) in events.iter().enumerate() {
            self.index.stab(event::key(event), &mut |slot| {
                let watcher = &self.watchers[slot];
                let is_for_it = watcher.state == State::Synced && watcher.next <= revision;
                if is_for_it && watcher.spec.wants(event) {
                    matched.push((slot, number));
                }
            });
        }
        if !matched.is_empty() {
            let all: Arc<[Arc<Event>]> =
                events.iter().map(|event| Arc::new(Event::new(event.clone()))).collect();
            matched.sort_unstable();
            for part in matched.chunk_by(|a, b| a.0 == b.0) {
                let events = if part.len() == all.len() {
                    Arc::clone(&all)
                } else {
                    part.iter().map(|(_, number)| Arc::clone(&all[*number])).collect()
                };
                self.deliver(part[0].0, revision, events);
            }
            matched.clear();
        }
        self.matched = matched;
    }

    /// The store holds another database now, at `current`.
    pub(crate) fn reload(&mut self, current: i64) {
        let seen = self.revision;
        self.revision = current;
        for (slot, watcher) in &mut self.watchers {
            if watcher.state != State::Synced {
                continue;
            }
            watcher.next = watcher.next.max(seen + 1);
            if watcher.next <= current {
                watcher.state = State::Ready;
                self.ready.push_back(Key { slot, serial: watcher.serial });
                self.lagging += 1;
                self.streams[watcher.stream].lagging += 1;
            }
        }
    }

    /// There is room again in a stream.
    pub(crate) fn resume(&mut self, stream: usize) {
        for key in std::mem::take(&mut self.streams[stream].parked) {
            if let Some(watcher) = self.get_mut(key).filter(|watcher| watcher.state == State::Parked) {
                watcher.state = State::Ready;
                self.ready.push_back(key);
            }
        }
    }

    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many watchers are not synced.
    pub(crate) fn lagging(&self) -> usize {
        self.lagging
    }

    /// Takes the watcher that has waited longest, and others that want about the same part of the history: `span`
    /// revisions at most, `limit` watchers at most.
    pub(crate) fn take_ready(&mut self, limit: usize, span: i64) -> Vec<Reader> {
        let mut taken: Vec<Reader> = Vec::new();
        let Self { ready, watchers, .. } = self;
        ready.retain(|key| {
            let found = watchers.get_mut(key.slot).filter(|watcher| watcher.serial == key.serial);
            let Some(watcher) = found else { return false };
            let is_near = taken
                .first()
                .is_none_or(|first| (first.next..first.next.saturating_add(span)).contains(&watcher.next));
            if taken.len() >= limit || !is_near {
                return true;
            }
            watcher.state = State::Reading;
            taken.push(Reader { key: *key, spec: Arc::clone(&watcher.spec), next: watcher.next });
            false
        });
        taken
    }

    /// A watcher has read everything below `next`: hands it what it found.
    pub(crate) fn caught_up(&mut self, key: Key, next: i64, events: Vec<Arc<Event>>) {
        let (revision, newest) = (next - 1, self.revision);
        let Some(watcher) = self.get_mut(key) else { return };
        if !events.is_empty() {
            let stream = watcher.stream;
            let (response, count, cost) = package(&watcher.spec, revision, events.into());
            match self.streams[stream].outbox.push_events(response, count, cost) {
                Pushed::Taken(waker) => self.wakers.extend(waker),
                Pushed::Full => return self.park(key),
            }
        }
        let Some(watcher) = self.get_mut(key) else { return };
        watcher.next = watcher.next.max(next);
        if watcher.next <= newest {
            watcher.state = State::Ready;
            self.ready.push_back(key);
            return;
        }
        watcher.state = State::Synced;
        let stream = watcher.stream;
        self.is_synced(stream);
    }

    /// A watcher could not be read for; it is tried again.
    pub(crate) fn retry(&mut self, key: Key) {
        if let Some(watcher) = self.get_mut(key) {
            watcher.state = State::Ready;
            self.ready.push_back(key);
        }
    }

    /// What a watcher wants is compacted.
    pub(crate) fn compacted(&mut self, key: Key, compact_revision: i64) {
        let Some(watcher) = self.get_mut(key) else { return };
        let (stream, id) = (watcher.stream, watcher.spec.id);
        self.answer(stream, Response::Compacted { id, compact_revision });
        self.streams[stream].compacted.insert(id);
        self.remove(key.slot);
    }

    fn deliver(&mut self, slot: usize, revision: i64, events: Arc<[Arc<Event>]>) {
        let watcher = &mut self.watchers[slot];
        let stream = &mut self.streams[watcher.stream];
        let (response, count, cost) = package(&watcher.spec, revision, events);
        match stream.outbox.push_events(response, count, cost) {
            Pushed::Taken(waker) => self.wakers.extend(waker),
            Pushed::Full => {
                watcher.next = revision;
                watcher.state = State::Parked;
                stream.parked.push(Key { slot, serial: watcher.serial });
                stream.lagging += 1;
                self.lagging += 1;
            }
        }
    }

    fn park(&mut self, key: Key) {
        let Some(watcher) = self.get_mut(key) else { return };
        watcher.state = State::Parked;
        let stream = watcher.stream;
        self.streams[stream].parked.push(key);
    }

    fn remove(&mut self, slot: usize) {
        let watcher = self.watchers.remove(slot);
        self.index.remove(&watcher.spec.range, slot);
        self.streams[watcher.stream].ids.remove(&watcher.spec.id);
        if watcher.state != State::Synced {
            self.is_synced(watcher.stream);
        }
    }

    /// One watcher fewer lags behind.
    fn is_synced(&mut self, stream: usize) {
        self.lagging -= 1;
        let consumer = &mut self.streams[stream];
        consumer.lagging -= 1;
        if consumer.lagging == 0 && std::mem::take(&mut consumer.wants_progress) {
            self.progress_all(stream);
        }
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut Watcher> {
        self.watchers.get_mut(key.slot).filter(|watcher| watcher.serial == key.serial)
    }
}

impl Consumer {
    /// # Source
    /// etcd 3.7 `server/storage/mvcc/watcher.go` Watch.
    fn choose_id(&mut self, wanted: i64) -> Result<i64, WatchError> {
        if wanted != 0 {
            return if self.has(wanted) { Err(WatchError::DuplicateId) } else { Ok(wanted) };
        }
        while self.has(self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        Ok(self.next_id - 1)
    }

    fn has(&self, id: i64) -> bool {
        self.ids.contains_key(&id) || self.compacted.contains(&id)
    }
}

/// The response, how many events are in it, and what they cost.
fn package(spec: &Spec, revision: i64, events: Arc<[Arc<Event>]>) -> (Response, usize, usize) {
    let (count, cost) = (events.len(), events.iter().map(|event| event.cost()).sum());
    let Spec { id, previous, fragment, .. } = *spec;
    (Response::Events(Events { id, revision, previous, fragment, events }), count, cost)
}
