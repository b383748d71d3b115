//! Leases, through every member of a cluster.

mod crate_client;
mod ctl;
mod expiry;
mod failover;
mod leader;
mod many;
