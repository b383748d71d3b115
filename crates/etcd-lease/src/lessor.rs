//! All leases of a cluster, as one member sees them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bytes::Bytes;

use crate::LeaseId;
use crate::queue::Queue;

/// The leader's rules. They have no influence on the book.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Seconds that every lease lives at least, whatever was asked for: longer than an election takes.
    pub min_ttl: i64,
    /// How often the remaining time of a long lease is put into the log; never if there is none.
    pub checkpoint_interval: Option<Duration>,
    /// A lease that was given out as due, and is still there after this time, is given out again.
    pub retry: Duration,
    /// How many leases may end in the same second after a change of leader; the rest is put off.
    pub spread_rate: usize,
}

impl Default for Options {
    /// etcd's rules.
    fn default() -> Self {
        Self { min_ttl: 1, checkpoint_interval: None, retry: Duration::from_secs(3), spread_rate: 1000 }
    }
}

/// The lease book and the leader's clock. See the crate's documentation for who calls what.
#[derive(Debug)]
pub struct Lessor {
    pub(crate) options: Options,
    pub(crate) leases: HashMap<LeaseId, Lease>,
    /// The lease of each key that has one.
    pub(crate) holders: HashMap<Bytes, LeaseId>,
    /// The leader's clock; none on other members.
    pub(crate) clock: Option<Clock>,
}

#[derive(Debug)]
pub(crate) struct Lease {
    /// Seconds.
    pub(crate) ttl: i64,
    /// Seconds that were left at the last checkpoint; 0 if there was none since the last renewal.
    pub(crate) remaining: i64,
    pub(crate) keys: BTreeSet<Bytes>,
    /// When it ends; none while nobody counts: on a follower, or before the leader has noticed the lease.
    pub(crate) deadline: Option<Duration>,
    /// Its one valid entry in the queue of ends. It may be earlier than the deadline, never later.
    pub(crate) queued: Option<Duration>,
    /// Its one valid entry in the queue of checkpoints.
    pub(crate) checkpoint: Option<Duration>,
}

/// What only the leader keeps.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    pub(crate) ends: Queue,
    pub(crate) checkpoints: Queue,
    /// Granted, and not noticed yet: grants come from the log, which knows no time.
    pub(crate) fresh: Vec<LeaseId>,
}

impl Lessor {
    /// A book without leases, and no clock.
    pub fn new(options: Options) -> Self {
        Self { options, leases: HashMap::new(), holders: HashMap::new(), clock: None }
    }

    /// How many leases there are.
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// How many keys have a lease.
    pub fn attached(&self) -> usize {
        self.holders.len()
    }

    /// Whether the lease exists.
    pub fn contains(&self, id: LeaseId) -> bool {
        self.leases.contains_key(&id)
    }

    /// The keys of a lease, ascending; none if there is no such lease.
    pub fn keys(&self, id: LeaseId) -> Option<impl ExactSizeIterator<Item = &Bytes>> {
        self.leases.get(&id).map(|lease| lease.keys.iter())
    }

    /// The lease of a key.
    pub fn lease_of(&self, key: &[u8]) -> Option<LeaseId> {
        self.holders.get(key).copied()
    }

    /// All leases: on the leader those that end first first, elsewhere by id.
    pub fn list(&mut self, now: Duration) -> Vec<LeaseId> {
        self.notice(now);
        let mut ids: Vec<_> = self.leases.iter().map(|(id, lease)| (lease.deadline, *id)).collect();
        ids.sort_unstable_by_key(|(deadline, id)| (deadline.unwrap_or(Duration::MAX), *id));
        ids.into_iter().map(|(_, id)| id).collect()
    }
}

impl Lease {
    /// Seconds that it was granted.
    pub(crate) fn granted(&self, options: &Options) -> i64 {
        self.ttl.max(options.min_ttl)
    }

    /// How long it lives if a leader starts to count now.
    pub(crate) fn left(&self, options: &Options) -> Duration {
        seconds(if self.remaining > 0 { self.remaining } else { self.granted(options) })
    }
}

pub(crate) fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0))
}
