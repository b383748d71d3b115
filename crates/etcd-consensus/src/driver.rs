//! The threads that feed a core: `raft`, `wal` and `apply`.
//!
//! `raft` owns the core and never blocks on the others. It hands rounds to `wal`, which writes everything that
//! arrived during its last sync at once, and committed entries to `apply`, which runs the state machine. Both
//! report back through one counter each.

pub(crate) mod apply_thread;
pub(crate) mod checkpoint;
pub(crate) mod control;
pub(crate) mod handle;
pub(crate) mod log;
pub(crate) mod machine;
pub(crate) mod metrics;
pub(crate) mod options;
pub(crate) mod outbox;
mod pace;
pub(crate) mod raft_thread;
pub(crate) mod shared;
mod start;
pub(crate) mod status;
pub(crate) mod wal_thread;

#[cfg(test)]
mod tests;

pub use start::{StartError, start};
