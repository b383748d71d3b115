//! The replicated state machine: one committed log entry becomes one storage transaction and an outcome.
//!
//! [`Machine`] is fed every committed entry in order, on one thread. It decodes the entry ([`Envelope`]), applies
//! it to the key-value store, the leases, the v2 keys or the membership, and writes everything that the entry changed in one
//! storage batch that carries the entry's index. Whoever proposed the entry gets its [`Outcome`] through the
//! [`Observer`].
//!
//! Invariants:
//! - Apply is deterministic: it reads no clock, no randomness and nothing that is not in the log or in storage.
//! - While authentication is on, an entry is checked against users and roles as they stand at its place in the log.
//! - An entry is applied once: entries at or below the index that storage holds are skipped.
//! - An entry that fails (a compacted revision, a missing key) fails alike on every member and changes nothing
//!   but the applied index.
//!
//! It does not know Raft: a membership change is handed to whoever runs Raft through [`Reconfigure`].

mod alarms;
mod auth;
mod conf_change;
mod conf_state;
mod downgrade;
mod envelope;
mod leases;
mod machine;
mod members;
mod outcome;
mod v2;

pub use alarms::{AlarmState, AlarmsError};
pub use auth::{AuthEvent, AuthLoadError, AuthRequest, AuthState, LeaseKeys};
pub use conf_change::ConfChangeError;
pub use conf_state::ConfStateError;
pub use downgrade::{Downgrade, DowngradeError, DowngradeState};
pub use envelope::{DecodeError, Envelope, Request};
pub use leases::{LeaseStats, Leases, LoadLeasesError, TTL_BOUNDS};
pub use machine::{Fatal, Machine, Observer, OpenError, Options, Reconfigure};
pub use members::{ClusterState, LoadError, MembershipChange};
pub use outcome::{ApplyError, Outcome, Response};
pub use v2::{LoadError as V2LoadError, V2Keys};
