//! The lease book: which leases exist, which keys they hold, and, on the leader, when they end.
//!
//! A [`Lessor`] has two halves. The *book* is replicated: [`Lessor::grant`], [`Lessor::revoke`], [`Lessor::attach`],
//! [`Lessor::detach`] and [`Lessor::checkpoint`] are called for entries of the log, on every member alike, and know no
//! time. The *clock* runs on the leader only, between [`Lessor::promote`] and [`Lessor::demote`]: renewals, remaining
//! times, and which leases are due. It is never stored and never decides what an entry does.
//!
//! It is not a timer and proposes nothing: whoever drives it asks [`Lessor::next_wake`], sleeps, takes what
//! [`Lessor::due`] gives and has those leases revoked through the log.
//!
//! Invariants:
//! - a key has at most one lease;
//! - a lease that [`Lessor::due`] gave out is never renewed: it ends, or its leader does;
//! - a renewal costs one look-up, not an operation of a heap.
//!
//! Times are [`Duration`](std::time::Duration)s since one moment that the caller chooses and keeps; they must not run
//! backwards.
//!
//! ```
//! use std::time::Duration;
//! use etcd_lease::{LeaseId, Lessor, Options};
//!
//! let mut lessor = Lessor::new(Options::default());
//! let id = LeaseId::new(7);
//! lessor.grant(id, 10)?;
//! lessor.attach(b"lock", id);
//! lessor.promote(Duration::ZERO, Duration::ZERO);
//! assert_eq!(lessor.renew(id, Duration::from_secs(5))?.ttl, 10);
//! assert_eq!(lessor.due(Duration::from_secs(15), 100), [id]);
//! assert_eq!(lessor.revoke(id)?, ["lock"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod id;
mod lessor;

mod book;
mod clock;
mod queue;
mod spread;

pub use book::{GrantError, LeaseNotFound, MAX_TTL};
pub use clock::{RenewError, Renewed, TimeToLive};
pub use id::LeaseId;
pub use lessor::{Lessor, Options};

#[cfg(test)]
mod tests;
