//! The last events, for waits that begin in the past.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::{Code, Error};
use crate::event::{Action, Event};
use crate::limits::Limits;
use crate::path;

/// Events with consecutive indexes, bounded in number and bytes.
#[derive(Debug, Clone)]
pub(crate) struct History {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// The index of the oldest event that is still known, were there one.
    start: u64,
}

impl History {
    pub(crate) fn new() -> Self {
        // Nothing was dropped yet, so a wait may begin anywhere.
        Self { events: VecDeque::new(), bytes: 0, start: 1 }
    }

    /// Adds the newest event and returns the indexes of those that it pushed out.
    pub(crate) fn push(&mut self, event: Arc<Event>, limits: &Limits) -> std::ops::Range<u64> {
        self.bytes += event.size();
        self.events.push_back(event);
        let mut dropped = 0..0;
        while self.events.len() > 1
            && (self.events.len() > limits.history || self.bytes > limits.history_bytes)
        {
            let Some(old) = self.events.pop_front() else { break };
            self.bytes -= old.size();
            self.start = old.index() + 1;
            dropped = if dropped.is_empty() { old.index()..self.start } else { dropped.start..self.start };
        }
        dropped
    }

    /// Takes over events that were stored; they must be consecutive.
    pub(crate) fn restore(events: Vec<Arc<Event>>, first_index: u64) -> Option<Self> {
        let consecutive = events.windows(2).all(|pair| pair[0].index() + 1 == pair[1].index());
        let oldest = events.first().map_or(first_index, |event| event.index());
        let start = if oldest == first_index { 1 } else { oldest };
        let bytes = events.iter().map(|event| event.size()).sum();
        consecutive.then(|| Self { events: events.into(), bytes, start })
    }

    /// The events from `since` on that a watcher of `path` sees, oldest first.
    ///
    /// # Errors
    /// When the event at `since` is gone.
    pub(crate) fn scan<'a>(
        &'a self,
        path: &'a str,
        recursive: bool,
        since: u64,
        now_at: u64,
    ) -> Result<impl Iterator<Item = &'a Arc<Event>>, Error> {
        if since < self.start {
            let cause = format!("the requested history has been cleared [{}/{since}]", self.start);
            return Err(Error::new(Code::EventIndexCleared, cause, now_at));
        }
        let from = self.events.partition_point(|event| event.index() < since);
        Ok(self.events.range(from..).filter(move |event| concerns(event, path, recursive)))
    }
}

/// Whether a watcher of `path` sees the event.
fn concerns(event: &Event, path: &str, recursive: bool) -> bool {
    if event.refresh {
        return false;
    }
    let key = event.node.key.as_str();
    let below = recursive && path::is_below(key, path) && !path::is_hidden(path, key);
    let removed_around = matches!(event.action, Action::Delete | Action::Expire)
        && event.prev.as_ref().is_some_and(|prev| prev.dir)
        && path::is_below(path, key);
    key == path || below || removed_around
}
