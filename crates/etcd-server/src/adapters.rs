//! Where one crate needs something of another that it must not import, it owns a trait; here the traits are
//! implemented.

mod auth;
mod cursor;
mod discovery;
mod downgrade;
mod errors;
mod leases;
mod machine;
mod maintenance;
mod membership;
mod node;
mod outbox;
mod probe;
mod proposals;
mod ranges;
mod replica;
mod v2;

pub use auth::TokenError;
pub(crate) use auth::{Authority, Tokens};
pub(crate) use leases::{LeaseOptions, LeaseParts};
pub(crate) use machine::{ReplicatedMachine, Surroundings};
pub(crate) use membership::Membership;
pub(crate) use node::{Mismatch, PeerNode};
pub(crate) use outbox::PeerOutbox;
pub(crate) use probe::resolve_initial_cluster;
pub(crate) use replica::{Parts, ReplicaOptions, ServerReplica};
pub(crate) use v2::ServerV2;
