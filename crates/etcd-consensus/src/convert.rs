//! Conversion between etcd's Raft messages and those of the `raft` crate, struct to struct.
//!
//! The two look alike and differ in field and enum numbers (`ConfChangeType` above all), so bytes of one side are
//! never handed to the other. The payload of a configuration change is kept in both forms: `data` in the form
//! that `raft` parses when a leader accepts a proposal, and `context`, which etcd does not have, with etcd's
//! original bytes. What comes out is therefore exactly what went in.

pub(crate) mod conf;
pub(crate) mod entry;
pub(crate) mod message;
#[cfg(test)]
mod tests;
