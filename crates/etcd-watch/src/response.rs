//! What comes out of a stream.

use std::borrow::Cow;
use std::sync::Arc;

use crate::Event;

/// The id in an answer that is about every watcher of a stream, or about one that there is not.
pub const ALL_WATCHERS: i64 = -1;

/// Something for the consumer of a stream, in the order in which it happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Response {
    /// A watcher is there. Comes before everything else of it.
    Created {
        /// The watcher.
        id: i64,
        /// The store's revision: without a start revision, it sees what comes after this.
        revision: i64,
    },
    /// A watcher was refused.
    Refused {
        /// Why, in etcd's words.
        reason: Cow<'static, str>,
        /// The store's revision.
        revision: i64,
    },
    /// A watcher is gone, as asked for.
    Canceled {
        /// The watcher.
        id: i64,
        /// The store's revision.
        revision: i64,
    },
    /// A watcher sees nothing more, because changes that it wants are compacted. Its id stays taken until it is
    /// canceled, or the stream ends.
    Compacted {
        /// The watcher.
        id: i64,
        /// The oldest revision from which one can watch now.
        compact_revision: i64,
    },
    /// Changes.
    Events(Events),
    /// Everything up to a revision has been seen.
    Progress {
        /// The watcher, or [`ALL_WATCHERS`].
        id: i64,
        /// The revision.
        revision: i64,
    },
}

/// Changes for one watcher: one or more whole revisions.
#[derive(Debug, Clone)]
pub struct Events {
    /// The watcher.
    pub id: i64,
    /// The watcher has now seen everything up to this revision.
    pub revision: i64,
    /// The watcher wants the previous pairs.
    pub previous: bool,
    /// The watcher takes revisions in parts.
    pub fragment: bool,
    /// The changes, in order, at least one.
    pub events: Arc<[Arc<Event>]>,
}
