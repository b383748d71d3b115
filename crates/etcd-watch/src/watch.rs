//! What a watcher watches.

use bytes::Bytes;
use etcd_proto::mvccpb;

use crate::event::is_delete;

/// A request for a watcher.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// The key, or the first key of the range; empty is the first key of all.
    pub key: Bytes,
    /// Where the range ends, exclusive: empty for one key, `\0` for every key from `key` on.
    pub range_end: Bytes,
    /// The first revision whose changes are wanted; 0 for what comes from now on.
    pub start_revision: i64,
    /// Changes that are not wanted.
    pub filters: Filters,
    /// Whether events carry the pair that they replaced. The hub only passes this on with the events.
    pub previous: bool,
    /// Whether events of one revision may come in several messages. The hub only passes this on with the events.
    pub fragment: bool,
    /// The watcher's id; 0 lets the stream choose.
    pub id: i64,
}

/// Kinds of changes to leave out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filters {
    /// Leave out puts.
    pub no_put: bool,
    /// Leave out deletes.
    pub no_delete: bool,
}

/// A watcher was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The range ends before it begins.
    #[error("mvcc: watcher range is empty")]
    EmptyRange,
    /// The id belongs to another watcher of the stream.
    #[error("mvcc: duplicate watch ID provided on the WatchStream")]
    DuplicateId,
    /// A negative revision.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    /// There are as many watchers as there may be.
    #[error("etcdserver: too many requests")]
    TooMany,
}

/// What a watcher watches, checked.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) id: i64,
    pub(crate) range: Range,
    filters: Filters,
    pub(crate) previous: bool,
    pub(crate) fragment: bool,
}

/// The keys of a watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Range {
    Key(Bytes),
    /// From the first on, below the second if there is one.
    Span(Bytes, Option<Bytes>),
}

impl Watch {
    /// # Source
    /// etcd `server/etcdserver/api/v3rpc/watch.go` recvLoop, and `server/storage/mvcc/watcher.go` Watch.
    pub(crate) fn range(&self) -> Result<Range, WatchError> {
        if self.start_revision < 0 {
            return Err(WatchError::Compacted);
        }
        // Copied: what a request came in lives no longer than that.
        let owned = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        let key = if self.key.is_empty() { Bytes::from_static(b"\0") } else { owned(&self.key) };
        match &self.range_end[..] {
            [] => Ok(Range::Key(key)),
            [0] => Ok(Range::Span(key, None)),
            end if end <= &key[..] => Err(WatchError::EmptyRange),
            _ => Ok(Range::Span(key, Some(owned(&self.range_end)))),
        }
    }
}

impl Spec {
    pub(crate) fn new(id: i64, range: Range, watch: &Watch) -> Self {
        Self { id, range, filters: watch.filters, previous: watch.previous, fragment: watch.fragment }
    }

    pub(crate) fn wants(&self, event: &mvccpb::Event) -> bool {
        if is_delete(event) { !self.filters.no_delete } else { !self.filters.no_put }
    }
}
