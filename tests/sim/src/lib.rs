//! A whole cluster in one thread, deterministic for a seed.
//!
//! Every member is a real [`etcd_consensus::Core`] over a real [`etcd_wal::Wal`] on a simulated disk, with a tiny
//! key-value store for a state machine. Between them is a network that loses, delays, duplicates and reorders;
//! around them something that cuts the power, partitions, changes the configuration, moves the leader, cuts the
//! log and asks for reads. [`run`] plays one seed: some time of trouble, then healing, then the demand that
//! everybody agrees.
//!
//! What is checked: see [`checks`]. A failing seed panics; the same seed plays the same way again.
//!
//! ```
//! let summary = etcd_sim::run(1, 3, false);
//! assert!(summary.applied > 3);
//! ```

mod chaos;
pub mod checks;
mod disk_steps;
mod kv;
mod member;
mod network;
mod rng;
mod world;

pub use world::{Summary, run};
