//! The handle of a compaction.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A compaction under way; clones are the same one.
#[derive(Clone)]
pub struct Compaction {
    shared: Arc<Shared>,
}

struct Shared {
    revision: i64,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    is_ended: bool,
    callbacks: Vec<Box<dyn FnOnce() + Send>>,
}

impl Compaction {
    pub(crate) fn new(revision: i64) -> Self {
        Self { shared: Arc::new(Shared { revision, state: Mutex::default(), ended: Condvar::new() }) }
    }

    /// Reads below this revision are refused.
    pub fn revision(&self) -> i64 {
        self.shared.revision
    }

    /// Waits until the rows are removed, but no longer than `limit`. Returns whether they are.
    ///
    /// A compaction that was cut off, because the store was loaded anew or closed, counts as ended: it is taken up again
    /// when the storage says so.
    pub fn wait(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.state.lock();
        while !state.is_ended {
            if self.shared.ended.wait_until(&mut state, deadline).timed_out() {
                return state.is_ended;
            }
        }
        true
    }

    /// Calls `callback` when the rows are removed: on the compaction thread, or here if they already are.
    pub fn on_end(&self, callback: impl FnOnce() + Send + 'static) {
        let mut state = self.shared.state.lock();
        if state.is_ended {
            drop(state);
            callback();
        } else {
            state.callbacks.push(Box::new(callback));
        }
    }

    pub(crate) fn end(&self) {
        let mut state = self.shared.state.lock();
        state.is_ended = true;
        let callbacks = std::mem::take(&mut state.callbacks);
        drop(state);
        self.shared.ended.notify_all();
        for callback in callbacks {
            callback();
        }
    }
}

impl fmt::Debug for Compaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compaction").field("revision", &self.shared.revision).finish_non_exhaustive()
    }
}
