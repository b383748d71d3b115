//! Watching, through every member of a cluster of three.

mod crate_client;
mod ctl;
mod faults;
mod many;
mod rules;
mod stream;
