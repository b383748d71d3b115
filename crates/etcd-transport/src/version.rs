//! Whether two members are close enough in version to talk.

use http::HeaderMap;

use crate::Identity;
use crate::identity::{MIN_CLUSTER_VERSION, SERVER_VERSION, text};

/// What a member that sends no version speaks.
const OLDEST: Minor = Minor { major: 2, minor: 0 };
/// The first version with today's streams.
const STREAMS: Minor = Minor { major: 2, minor: 1 };

/// A version as far as compatibility goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Minor {
    major: u32,
    minor: u32,
}

impl Minor {
    /// Reads `major.minor[.patch][-pre][+meta]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(Self { major, minor })
    }

    fn header(headers: &HeaderMap, name: &http::HeaderName) -> Option<Self> {
        text(headers, name).map_or(Some(OLDEST), Self::parse)
    }
}

/// Whether the sender of `headers` and this member accept each other's version. An unreadable version is refused.
///
/// # Source
/// etcd `server/etcdserver/api/rafthttp/util.go`, `checkVersionCompatibility`.
pub(crate) fn compatible(local: &Identity, headers: &HeaderMap) -> bool {
    let ours = (Minor::parse(&local.server_version), Minor::parse(&local.min_cluster_version));
    let theirs = (Minor::header(headers, &SERVER_VERSION), Minor::header(headers, &MIN_CLUSTER_VERSION));
    let ((Some(server), Some(min)), (Some(their_server), Some(their_min))) = (ours, theirs) else {
        return false;
    };
    their_server >= min && their_min <= server
}

/// Whether the member that answered with `headers` has the streams that this crate reads.
///
/// # Source
/// etcd `server/etcdserver/api/rafthttp/stream.go`, `checkStreamSupport`.
pub(crate) fn has_streams(headers: &HeaderMap) -> bool {
    Minor::header(headers, &SERVER_VERSION).is_some_and(|version| version >= STREAMS)
}

#[cfg(test)]
mod tests;
