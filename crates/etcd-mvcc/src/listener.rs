//! Who hears of changes.

use etcd_proto::mvccpb::Event;

use crate::Store;

/// Hears what becomes of the key space, in the order of revisions, on the thread that applies the log.
///
/// The log waits while it listens: what takes long belongs on another thread.
pub trait Listener: Send + Sync + 'static {
    /// A transaction changed keys, and readers see it. `events` are its changes, in order, at least one; the pair of
    /// a delete has the key and the revision only.
    fn committed(&self, revision: i64, events: &[Event]);

    /// Everything was replaced by what another database holds: revisions may have been passed over.
    fn reloaded(&self);
}

impl Store {
    /// Has `listener` hear of everything from now on. There is one listener; a second one is refused.
    pub fn listen(&self, listener: Box<dyn Listener>) -> bool {
        self.inner().listener.set(listener).is_ok()
    }
}
