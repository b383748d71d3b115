//! Transports that talk to each other, and to those who mean no good, on loopback.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, outside of test functions")]

mod abuse;
mod client;
mod delivery;
mod go_peer;
mod handshake;
mod leases;
mod raw;
mod snapshots;
mod support;
