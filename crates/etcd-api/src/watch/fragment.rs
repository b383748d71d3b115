//! How a response that is too large is split.

use std::ops::Range;

/// The parts of a response whose events take `sizes` bytes and whose other fields take `rest`: as many events in each
/// as stay below `limit` bytes, but at least one.
///
/// # Source
/// etcd `server/etcdserver/api/v3rpc/watch.go` sendFragments.
pub(super) fn split(sizes: &[usize], rest: usize, limit: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut size) = (0, rest);
    for (at, event) in sizes.iter().enumerate() {
        if at > start && size + event >= limit {
            parts.push(start..at);
            (start, size) = (at, rest);
        }
        size += event;
    }
    parts.push(start..sizes.len());
    parts
}
