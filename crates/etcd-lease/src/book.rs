//! The replicated half: what entries of the log do to leases.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::lessor::Lease;
use crate::{LeaseId, Lessor};

/// Seconds that a lease may be granted at most.
pub const MAX_TTL: i64 = 9_000_000_000;

/// A lease was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The id stands for no lease.
    #[error("lease not found")]
    NoId,
    /// There is a lease with this id.
    #[error("lease already exists")]
    Exists,
    /// More than [`MAX_TTL`].
    #[error("too large lease TTL")]
    TooLong,
}

/// There is no such lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("lease not found")]
pub struct LeaseNotFound;

impl Lessor {
    /// Grants a lease of `ttl` seconds.
    ///
    /// # Errors
    /// The first of `NoId`, `TooLong`, `Exists` that applies; nothing is changed.
    ///
    /// # Source
    /// etcd `server/lease/lessor.go` Grant, but for the minimum: raising `ttl` to it is up to whoever proposes the
    /// grant, so that every member stores the same.
    pub fn grant(&mut self, id: LeaseId, ttl: i64) -> Result<(), GrantError> {
        if id == LeaseId::NONE {
            return Err(GrantError::NoId);
        }
        if ttl > MAX_TTL {
            return Err(GrantError::TooLong);
        }
        if self.contains(id) {
            return Err(GrantError::Exists);
        }
        self.restore(id, ttl, 0);
        if let Some(clock) = &mut self.clock {
            clock.fresh.push(id);
        }
        Ok(())
    }

    /// Puts a stored lease back, as it was.
    pub fn restore(&mut self, id: LeaseId, ttl: i64, remaining: i64) {
        let lease =
            Lease { ttl, remaining, keys: BTreeSet::new(), deadline: None, queued: None, checkpoint: None };
        self.leases.insert(id, lease);
    }

    /// Forgets the lease and gives its keys, ascending, which end with it.
    ///
    /// # Errors
    /// There is no such lease.
    pub fn revoke(&mut self, id: LeaseId) -> Result<Vec<Bytes>, LeaseNotFound> {
        let lease = self.leases.remove(&id).ok_or(LeaseNotFound)?;
        for key in &lease.keys {
            self.holders.remove(key);
        }
        Ok(lease.keys.into_iter().collect())
    }

    /// Notes that a key was put with a lease; it leaves the one that it had. False, and the key has no lease, if there
    /// is no such lease.
    pub fn attach(&mut self, key: &[u8], id: LeaseId) -> bool {
        if self.holders.get(key) == Some(&id) {
            return true;
        }
        self.detach(key);
        let Some(lease) = self.leases.get_mut(&id) else { return false };
        // A copy of its own: a slice would keep the whole entry of the log in memory.
        let key = Bytes::copy_from_slice(key);
        lease.keys.insert(key.clone());
        self.holders.insert(key, id);
        true
    }

    /// Notes that a key was put without a lease, or deleted.
    pub fn detach(&mut self, key: &[u8]) {
        if let Some(id) = self.holders.remove(key)
            && let Some(lease) = self.leases.get_mut(&id)
        {
            lease.keys.remove(key);
        }
    }

    /// Notes how many seconds a lease had left when its leader looked, for the next leader to count from; 0 stands
    /// for all of them. Gives the lease's `ttl`, to be stored with it; none if there is no such lease.
    pub fn checkpoint(&mut self, id: LeaseId, remaining: i64) -> Option<i64> {
        let lease = self.leases.get_mut(&id)?;
        lease.remaining = remaining;
        Some(lease.ttl)
    }

    /// Forgets everything but whether this member leads.
    pub fn clear(&mut self) {
        self.leases.clear();
        self.holders.clear();
        if let Some(clock) = &mut self.clock {
            *clock = crate::lessor::Clock::default();
        }
    }
}
