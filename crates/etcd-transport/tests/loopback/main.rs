//! Transports that talk to each other, and to those who mean no good, on loopback.

mod abuse;
mod client;
mod delivery;
mod go_peer;
mod handshake;
mod raw;
mod snapshots;
mod support;
