//! What is counted about leases.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the histogram of granted times, in seconds: etcd's 1, 2, 4, … 2^23; one more bucket has the rest.
pub const TTL_BOUNDS: [u64; 24] = {
    let mut bounds = [1; 24];
    let mut index = 1;
    while index < bounds.len() {
        bounds[index] = bounds[index - 1] * 2;
        index += 1;
    }
    bounds
};

/// What was counted since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaseStats {
    /// Leases granted.
    pub granted: u64,
    /// Leases revoked, for whatever reason.
    pub revoked: u64,
    /// Renewals, here as the leader.
    pub renewed: u64,
    /// How long the granted leases live: counts by [`TTL_BOUNDS`], and those beyond.
    pub ttls: [u64; 25],
    /// The sum of these times, in seconds.
    pub ttl_sum: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    granted: AtomicU64,
    revoked: AtomicU64,
    renewed: AtomicU64,
    ttls: [AtomicU64; TTL_BOUNDS.len() + 1],
    ttl_sum: AtomicU64,
}

impl Counters {
    pub(super) fn granted(&self, ttl: i64) {
        let ttl = u64::try_from(ttl).unwrap_or(0);
        let bucket = TTL_BOUNDS.partition_point(|bound| *bound < ttl);
        add(&self.granted, 1);
        add(&self.ttls[bucket], 1);
        add(&self.ttl_sum, ttl);
    }

    pub(super) fn revoked(&self) {
        add(&self.revoked, 1);
    }

    pub(super) fn renewed(&self) {
        add(&self.renewed, 1);
    }

    pub(super) fn read(&self) -> LeaseStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LeaseStats {
            granted: load(&self.granted),
            revoked: load(&self.revoked),
            renewed: load(&self.renewed),
            ttls: std::array::from_fn(|bucket| load(&self.ttls[bucket])),
            ttl_sum: load(&self.ttl_sum),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}
