//! The service at which etcd members find each other when nobody knows their addresses in advance.
//!
//! `GET /new?size=3` makes a token; members register below `/<token>` and wait until all are there, in the v2
//! protocol that etcd speaks. In a browser the token's address shows who is there already, and the command for the
//! next member.
//!
//! [`Service`] keeps nothing itself: its [`Storage`] is any etcd cluster with the v2 keys API. [`EmbeddedMember`] is
//! one in the same process.
//!
//! Invariants:
//! - what strangers cause is bounded: requests by address, connections, bodies, waits, members of a token, and
//!   tokens by their time to live, which the storage enforces;
//! - nothing that a member wrote reaches a page unescaped, and pages run no script but our own;
//! - only what discovery needs is passed on: a token's size is written once, by the service.
//!
//! # Source
//! The public service, `etcd-io/discoveryserver`, for routes and texts; etcd 3.4's client for what it relies on.

mod assets;
mod certificates;
mod embedded;
mod home;
mod limit;
mod listen;
mod metrics;
mod new;
mod page;
mod proxy;
mod registry;
mod service;
mod storage;
mod token;

pub use certificates::keep_certificates;
pub use embedded::{EmbeddedError, EmbeddedMember, EmbeddedOptions};
pub use limit::{Rate, RateLimiter};
pub use listen::serve;
pub use service::{Options, Service};
pub use storage::{Storage, StorageError};
pub use token::Token;
