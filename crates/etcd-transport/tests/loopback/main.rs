//! Transports that talk to each other on loopback.

mod delivery;
mod support;
