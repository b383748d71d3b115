//! Reads the past for those who missed it.

use std::sync::Arc;

use etcd_mvcc::{HistoryLimit, RangeError};
use tracing::warn;

use crate::core::Reader;
use crate::event::Event;
use crate::hub::Inner;
use crate::index::Index;

/// How far apart watchers may be that are read for together, in revisions.
const SPAN: i64 = 256;

/// What became of one round.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Nobody has to be caught up.
    Idle,
    Done,
    /// The store could not be read.
    Failed,
}

/// Reads one part of the history for the watcher that has waited longest, and for others that need the same part.
///
/// Reading and sorting out take place without the hub's lock.
pub(crate) fn round(hub: &Inner) -> Round {
    let readers = hub.locked(|core| core.take_ready(hub.options.catch_up_watchers, SPAN));
    let Some(from) = readers.iter().map(|reader| reader.next).min() else { return Round::Idle };
    let mut index = Index::default();
    for (number, reader) in readers.iter().enumerate() {
        index.insert(&reader.spec.range, number);
    }
    let limit = HistoryLimit { rows: hub.options.catch_up_rows, bytes: hub.options.catch_up_bytes };
    match hub.store.history(from, limit, |key| is_watched(&index, key)) {
        Ok(history) => {
            let found = sort_out(&readers, &index, history.events);
            hub.locked(|core| {
                for (reader, events) in readers.iter().zip(found) {
                    core.caught_up(reader.key, history.next, events);
                }
            });
            Round::Done
        }
        Err(RangeError::Compacted) => {
            cancel_compacted(hub, &readers);
            Round::Done
        }
        Err(error) => {
            if !matches!(error, RangeError::Missing { .. }) {
                warn!(%error, revision = from, "could not read the history for watchers, will try again");
            }
            hub.locked(|core| readers.iter().for_each(|reader| core.retry(reader.key)));
            Round::Failed
        }
    }
}

fn is_watched(index: &Index, key: &[u8]) -> bool {
    let mut is_watched = false;
    index.stab(key, &mut |_| is_watched = true);
    is_watched
}

/// Which reader gets which events.
fn sort_out(
    readers: &[Reader],
    index: &Index,
    events: Vec<etcd_proto::mvccpb::Event>,
) -> Vec<Vec<Arc<Event>>> {
    let mut found: Vec<Vec<Arc<Event>>> = readers.iter().map(|_| Vec::new()).collect();
    for event in events.into_iter().map(|event| Arc::new(Event::new(event))) {
        let revision = event.message().kv.as_ref().map_or(0, |pair| pair.mod_revision);
        index.stab(event.key(), &mut |number| {
            let reader = &readers[number];
            if reader.next <= revision && reader.spec.wants(event.message()) {
                found[number].push(Arc::clone(&event));
            }
        });
    }
    found
}

fn cancel_compacted(hub: &Inner, readers: &[Reader]) {
    let compact_revision = hub.store.compact_revision();
    hub.locked(|core| {
        for reader in readers {
            if reader.next < compact_revision {
                core.compacted(reader.key, compact_revision);
            } else {
                core.retry(reader.key);
            }
        }
    });
}

/// Catches watchers up until the hub is closed.
pub(crate) fn run(hub: &Inner) {
    while hub.wait_for_ready().is_continue() {
        if round(hub) == Round::Failed && hub.pause().is_break() {
            return;
        }
    }
}
