//! The leader's half: renewals, remaining times, ends and checkpoints.

use std::time::Duration;

use crate::lessor::{Clock, Lease, Options, seconds};
use crate::queue::Queue;
use crate::{LeaseId, Lessor, spread};

/// A lease was renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewed {
    /// Seconds that it lives from now on.
    pub ttl: i64,
    /// A checkpoint says that it has less: until it is withdrawn (a checkpoint of 0), the next leader would count from
    /// there. The client may be told only when it is.
    pub has_checkpoint: bool,
}

/// A lease was not renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewError {
    /// This member does not lead; the leader must be asked.
    #[error("not a primary lessor")]
    NotPrimary,
    /// There is no such lease.
    #[error("lease not found")]
    NotFound,
    /// It has ended, and is about to be revoked: ask again when that is done.
    #[error("lease has expired")]
    Expired,
}

/// What is left of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeToLive {
    /// Seconds that it was granted.
    pub granted: i64,
    /// Whole seconds that are left, not below 0; none where nobody counts.
    pub remaining: Option<i64>,
}

impl Lessor {
    /// Whether this member counts.
    pub fn is_primary(&self) -> bool {
        self.clock.is_some()
    }

    /// Starts to count: every lease lives `extend` longer than it has left, since nobody counted for a while. Of
    /// leases that would end in the same second, those beyond the rate are put off.
    ///
    /// # Source
    /// etcd `server/lease/lessor.go` Promote.
    pub fn promote(&mut self, now: Duration, extend: Duration) {
        let mut ends: Vec<(Duration, LeaseId)> =
            self.leases.iter().map(|(id, lease)| (now + extend + lease.left(&self.options), *id)).collect();
        spread::spread(&mut ends, self.options.spread_rate);
        let mut clock = Clock::default();
        for (deadline, id) in ends {
            if let Some(lease) = self.leases.get_mut(&id) {
                lease.count_to(deadline, id, &mut clock.ends);
                lease.checkpoint = None;
                lease.plan_checkpoint(now, id, &self.options, &mut clock.checkpoints);
            }
        }
        self.clock = Some(clock);
    }

    /// Stops counting: somebody else leads.
    pub fn demote(&mut self) {
        if self.clock.take().is_some() {
            for lease in self.leases.values_mut() {
                lease.deadline = None;
                lease.queued = None;
                lease.checkpoint = None;
            }
        }
    }

    /// Renews a lease.
    ///
    /// # Errors
    /// [`RenewError`]; nothing is changed.
    ///
    /// # Source
    /// etcd `server/lease/lessor.go` Renew.
    pub fn renew(&mut self, id: LeaseId, now: Duration) -> Result<Renewed, RenewError> {
        let Some(clock) = &mut self.clock else { return Err(RenewError::NotPrimary) };
        let lease = self.leases.get_mut(&id).ok_or(RenewError::NotFound)?;
        if lease.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(RenewError::Expired);
        }
        let ttl = lease.granted(&self.options);
        let deadline = now + seconds(ttl);
        if lease.queued.is_some_and(|queued| queued <= deadline) {
            // The entry in the queue stays where it is: it is put right when its time comes.
            lease.deadline = Some(deadline);
        } else {
            lease.count_to(deadline, id, &mut clock.ends);
        }
        if lease.checkpoint.is_none() {
            lease.plan_checkpoint(now, id, &self.options, &mut clock.checkpoints);
        }
        Ok(Renewed { ttl, has_checkpoint: lease.remaining > 0 })
    }

    /// What is left of a lease; none if there is no such lease.
    pub fn time_to_live(&self, id: LeaseId, now: Duration) -> Option<TimeToLive> {
        let lease = self.leases.get(&id)?;
        let granted = lease.granted(&self.options);
        let remaining = match (lease.deadline, self.is_primary()) {
            (Some(deadline), _) => Some(whole_seconds(deadline.saturating_sub(now))),
            (None, true) => Some(whole_seconds(lease.left(&self.options))),
            (None, false) => None,
        };
        Some(TimeToLive { granted, remaining })
    }

    /// Up to `limit` leases whose time is over, to be revoked through the log. None are given where nobody counts.
    pub fn due(&mut self, now: Duration, limit: usize) -> Vec<LeaseId> {
        self.notice(now);
        let Some(clock) = &mut self.clock else { return Vec::new() };
        let mut due = Vec::new();
        while due.len() < limit
            && let Some((time, id)) = clock.ends.pop(now)
        {
            let Some(lease) = self.leases.get_mut(&id).filter(|lease| lease.queued == Some(time)) else {
                continue;
            };
            let next = match lease.deadline {
                Some(deadline) if deadline > now => deadline,
                _ => {
                    due.push(id);
                    now + self.options.retry
                }
            };
            lease.queued = Some(next);
            clock.ends.push(next, id);
        }
        due
    }

    /// Up to `limit` leases whose remaining seconds are to be put into the log.
    ///
    /// # Source
    /// etcd `server/lease/lessor.go` findDueScheduledCheckpoints.
    pub fn due_checkpoints(&mut self, now: Duration, limit: usize) -> Vec<(LeaseId, i64)> {
        self.notice(now);
        let Some(clock) = &mut self.clock else { return Vec::new() };
        let mut due = Vec::new();
        while due.len() < limit
            && let Some((time, id)) = clock.checkpoints.pop(now)
        {
            let Some(lease) = self.leases.get_mut(&id).filter(|lease| lease.checkpoint == Some(time)) else {
                continue;
            };
            lease.checkpoint = None;
            let left = lease.deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_sub(now));
            if left.is_zero() {
                continue;
            }
            let remaining = whole_seconds(left + Duration::from_nanos(999_999_999));
            if remaining < lease.granted(&self.options) {
                due.push((id, remaining));
            }
            lease.plan_checkpoint(now, id, &self.options, &mut clock.checkpoints);
        }
        due
    }

    /// When [`Lessor::due`] or [`Lessor::due_checkpoints`] may have something to give; it may turn out to be nothing.
    pub fn next_wake(&mut self, now: Duration) -> Option<Duration> {
        self.notice(now);
        let clock = self.clock.as_ref()?;
        match (clock.ends.next(), clock.checkpoints.next()) {
            (Some(end), Some(checkpoint)) => Some(end.min(checkpoint)),
            (end, checkpoint) => end.or(checkpoint),
        }
    }

    /// Starts to count for leases that were granted since the last look. Late by the time that nobody looked, which
    /// is to the good of their owners.
    pub(crate) fn notice(&mut self, now: Duration) {
        let Some(clock) = &mut self.clock else { return };
        for id in std::mem::take(&mut clock.fresh) {
            let Some(lease) = self.leases.get_mut(&id).filter(|lease| lease.queued.is_none()) else {
                continue;
            };
            let deadline = lease.deadline.unwrap_or_else(|| now + lease.left(&self.options));
            lease.count_to(deadline, id, &mut clock.ends);
            if lease.checkpoint.is_none() {
                lease.plan_checkpoint(now, id, &self.options, &mut clock.checkpoints);
            }
        }
    }
}

impl Lease {
    fn count_to(&mut self, deadline: Duration, id: LeaseId, ends: &mut Queue) {
        self.deadline = Some(deadline);
        self.queued = Some(deadline);
        ends.push(deadline, id);
    }

    /// Only a lease that will still be there needs a checkpoint.
    fn plan_checkpoint(&mut self, now: Duration, id: LeaseId, options: &Options, checkpoints: &mut Queue) {
        let Some(interval) = options.checkpoint_interval else { return };
        let left = self.deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_sub(now));
        if left > interval {
            self.checkpoint = Some(now + interval);
            checkpoints.push(now + interval, id);
        }
    }
}

fn whole_seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
