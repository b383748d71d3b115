//! Ids of proposals: unique over the cluster and over restarts, so that an outcome finds its proposer.

use std::sync::atomic::{AtomicU64, Ordering};

use etcd_membership::MemberId;

/// Makes ids: two bytes of the member, five bytes of the start time in milliseconds, and a counter that runs
/// on from the last byte.
///
/// # Source
/// etcd `pkg/idutil/id.go`.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u64,
    suffix: AtomicU64,
}

const SUFFIX_BITS: u32 = 48;
const SUFFIX_MASK: u64 = (1 << SUFFIX_BITS) - 1;

impl RequestIds {
    /// `started_ms` is the wall clock at start, in milliseconds since 1970.
    pub(crate) fn new(member: MemberId, started_ms: u64) -> Self {
        Self { prefix: member.get() << SUFFIX_BITS, suffix: AtomicU64::new((started_ms << 8) & SUFFIX_MASK) }
    }

    pub(crate) fn next(&self) -> u64 {
        let suffix = self.suffix.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        self.prefix | (suffix & SUFFIX_MASK)
    }

    /// Whether this member made `id`; one of 65,536 other members' ids passes too.
    pub(crate) fn is_ours(&self, id: u64) -> bool {
        id & !SUFFIX_MASK == self.prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_over_restarts_and_members() {
        let first = RequestIds::new(MemberId::new(0x1234_5678_9abc_def0), 1_000);
        let restarted = RequestIds::new(MemberId::new(0x1234_5678_9abc_def0), 1_001);
        let other = RequestIds::new(MemberId::new(0x1234_5678_9abc_def1), 1_000);
        let a: Vec<u64> = (0..200).map(|_| first.next()).collect();
        let b: Vec<u64> = (0..50).map(|_| restarted.next()).collect();
        let c = other.next();
        assert!(a.windows(2).all(|pair| pair[1] == pair[0] + 1));
        assert!(!a.contains(&b[49]), "a restart one millisecond later starts 256 ids further");
        assert_ne!(a[0], c);
        assert!(first.is_ours(a[7]) && !first.is_ours(c));
    }
}
