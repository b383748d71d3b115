//! The handle, and the thread that catches watchers up.

use std::io;
use std::mem;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use etcd_mvcc::{Listener, Store};
use etcd_proto::mvccpb;
use parking_lot::{Condvar, Mutex};

use crate::Stream;
use crate::catch_up;
use crate::core::Core;
use crate::outbox::{Bounds, End};

/// How long the thread waits after the store could not be read.
const PAUSE: Duration = Duration::from_millis(100);

/// Limits of a [`Hub`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Bytes of events that wait in one stream; its watchers then read later ones from the store.
    pub stream_bytes: usize,
    /// Answers to requests that wait in one stream; it then ends.
    pub stream_answers: usize,
    /// Watchers of all streams.
    pub watchers: usize,
    /// Watchers that are caught up in one go.
    pub catch_up_watchers: usize,
    /// Changes that are looked at in one go.
    pub catch_up_rows: usize,
    /// Bytes of changes that are taken in one go: about the largest message, unless one revision alone is larger.
    pub catch_up_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stream_bytes: 8 << 20,
            stream_answers: 1 << 16,
            watchers: 1 << 20,
            catch_up_watchers: 512,
            catch_up_rows: 2048,
            catch_up_bytes: 1 << 20,
        }
    }
}

/// The hub's thread could not be started, or the store has a listener already.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The system has no thread left.
    #[error("could not start the watch thread")]
    Thread(#[source] io::Error),
    /// Another hub listens.
    #[error("the key space has a listener already")]
    Taken,
}

/// What the hub counts now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Streams.
    pub streams: usize,
    /// Watchers of all streams.
    pub watchers: usize,
    /// Watchers that are catching up.
    pub slow_watchers: usize,
    /// Events that wait in streams.
    pub pending_events: usize,
}

/// Everybody who watches one store. Clones are handles to the same one.
///
/// When the last handle goes, the streams come to their end.
#[derive(Clone)]
pub struct Hub {
    handle: Arc<Handle>,
}

struct Handle {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) options: Options,
    core: Mutex<Core>,
    /// Somebody has to be caught up, or the hub was closed.
    wake: Condvar,
    is_closed: AtomicBool,
    streams: AtomicUsize,
    /// Raised before a watcher is added, so that a commit sees either none or the watcher.
    watchers: AtomicUsize,
    pending_events: Arc<AtomicI64>,
}

impl Hub {
    /// Listens to `store`, which can have one hub.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(store: Store, options: Options) -> Result<Self, StartError> {
        let hub = Self::without_thread(store, options)?;
        let inner = Arc::clone(&hub.handle.inner);
        let thread = std::thread::Builder::new().name("watch".into()).spawn(move || catch_up::run(&inner));
        *hub.handle.thread.lock() = Some(thread.map_err(StartError::Thread)?);
        Ok(hub)
    }

    /// A hub in which nobody is caught up by itself.
    pub(crate) fn without_thread(store: Store, options: Options) -> Result<Self, StartError> {
        let inner = Arc::new(Inner {
            store,
            options,
            core: Mutex::default(),
            wake: Condvar::new(),
            is_closed: AtomicBool::new(false),
            streams: AtomicUsize::new(0),
            watchers: AtomicUsize::new(0),
            pending_events: Arc::default(),
        });
        if !inner.store.listen(Box::new(Ear(Arc::downgrade(&inner)))) {
            return Err(StartError::Taken);
        }
        Ok(Self { handle: Arc::new(Handle { inner, thread: Mutex::new(None) }) })
    }

    /// A new consumer.
    pub fn stream(&self) -> Stream {
        Stream::new(Arc::clone(&self.handle.inner))
    }

    /// What is there now.
    pub fn stats(&self) -> Stats {
        let inner = &self.handle.inner;
        Stats {
            streams: inner.streams.load(Ordering::Relaxed),
            watchers: inner.watchers.load(Ordering::Relaxed),
            slow_watchers: inner.core.lock().lagging(),
            pending_events: usize::try_from(inner.pending_events.load(Ordering::Relaxed)).unwrap_or(0),
        }
    }

    /// Brings every stream to its end, after what waits in it, and lets none begin.
    pub fn close(&self) {
        self.handle.inner.close();
    }

    #[cfg(test)]
    pub(crate) fn inner(&self) -> &Inner {
        &self.handle.inner
    }
}

impl Inner {
    /// Does something under the lock, and afterwards wakes whoever has to know.
    pub(crate) fn locked<T>(&self, act: impl FnOnce(&mut Core) -> T) -> T {
        let mut core = self.core.lock();
        let outcome = act(&mut core);
        let wakers = mem::take(&mut core.wakers);
        let has_ready = core.has_ready();
        drop(core);
        if has_ready {
            self.wake.notify_one();
        }
        wakers.into_iter().for_each(std::task::Waker::wake);
        outcome
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { bytes: self.options.stream_bytes, answers: self.options.stream_answers }
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.is_closed.load(Ordering::SeqCst).then_some(End::Closed)
    }

    pub(crate) fn count_stream(&self) -> Arc<AtomicI64> {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.pending_events)
    }

    pub(crate) fn forget_stream(&self, watchers: usize) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
        self.forget(watchers);
    }

    /// Counts a watcher; false if there are too many.
    pub(crate) fn reserve(&self) -> bool {
        if self.watchers.fetch_add(1, Ordering::SeqCst) < self.options.watchers {
            return true;
        }
        self.forget(1);
        false
    }

    /// Watchers are gone.
    pub(crate) fn forget(&self, watchers: usize) {
        self.watchers.fetch_sub(watchers, Ordering::SeqCst);
    }

    /// Waits until somebody has to be caught up; breaks when the hub is closed.
    pub(crate) fn wait_for_ready(&self) -> ControlFlow<()> {
        let mut core = self.core.lock();
        while !core.has_ready() {
            if self.end().is_some() {
                return ControlFlow::Break(());
            }
            self.wake.wait(&mut core);
        }
        if self.end().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Waits a little; breaks when the hub is closed.
    pub(crate) fn pause(&self) -> ControlFlow<()> {
        std::thread::sleep(PAUSE);
        if self.end().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.locked(|core| {
            let woken: Vec<_> = core.outboxes().filter_map(|outbox| outbox.end(End::Closed)).collect();
            core.wakers.extend(woken);
        });
        self.wake.notify_all();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.close();
        if let Some(thread) = self.thread.lock().take() {
            // If it panicked, the panic has been reported.
            let _ = thread.join();
        }
    }
}

/// What the store knows of the hub; the hub holds the store, not the other way round.
struct Ear(Weak<Inner>);

impl Listener for Ear {
    fn committed(&self, revision: i64, events: &[mvccpb::Event]) {
        let Some(inner) = self.0.upgrade() else { return };
        if inner.watchers.load(Ordering::SeqCst) > 0 {
            inner.locked(|core| core.commit(revision, events));
        }
    }

    fn reloaded(&self) {
        let Some(inner) = self.0.upgrade() else { return };
        let current = inner.store.revision();
        inner.locked(|core| core.reload(current));
    }
}
