//! The v2 API: `/v2/keys` and what is beside it.

mod differential;
mod discovery;
pub(crate) mod http;
mod keys;
mod members;
mod replication;
mod space;
mod stats;
