//! Keys and values, through every member of a cluster of three.

mod crate_client;
mod ctl;
mod errors;
