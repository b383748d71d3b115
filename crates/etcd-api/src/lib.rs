//! What clients speak: etcd's v3 gRPC services, the v2 keys, health, version and metrics, on one port.
//!
//! [`Api`] answers requests for a [`Replica`]: it validates them, applies the rules that hold for every call
//! (learner, leader, client version, size, deadline), calls the replica, fills the response header and turns an
//! [`Error`] into the code and text that clients compare. [`serve`] accepts connections for it, over one listener for
//! gRPC (HTTP/2) and HTTP/1.1 alike; [`Workers`] are the threads that the connections live on.
//!
//! It is not a state machine and knows no Raft: what a request does is up to the replica.
//!
//! Invariants:
//! - a request is validated before the replica sees it;
//! - what a call needs is decided by an exhaustive table, and asked before the call runs or by the replica;
//! - everything that a peer controls is bounded: connections, headers, bodies, label values, times;
//! - values of keys, passwords and tokens are never logged.
//!
//! Drive it by implementing [`Replica`], then [`Api::new`] and [`serve`]; `examples/one_port.rs` does it in a
//! screen. The validation rules stand alone too:
//!
//! ```
//! use etcd_api::{Error, validate};
//! use etcd_proto::etcdserverpb::RangeRequest;
//!
//! let refused = validate::range(&RangeRequest::default());
//! assert_eq!(refused, Err(Error::EmptyKey));
//! assert_eq!(Error::EmptyKey.to_string(), "etcdserver: key is not provided");
//! ```

mod error;
mod replica;
pub mod validate;

mod api;
mod auth;
mod candidate;
mod cluster;
mod election;
mod gateway;
mod grpc;
mod http;
mod kv;
mod lease;
mod lock;
mod maintenance;
mod range;
mod snapshot;
mod watch;

pub mod metrics;
mod serve;
mod trace;
pub mod v2;

#[doc(hidden)]
pub mod fuzz;

pub use api::{Api, Options, Surface};
pub use auth::{Access, AccountChange, Accounts, CommonName, Credentials};
pub use error::Error;
pub use replica::{
    KeyspaceHash, Maintenance, RangeCursor, RangePlace, RangeTail, Replica, ReplicaStatus, SnapshotSource,
    Standing,
};
pub use serve::{Listener, ServeOptions, StartError, Workers, serve};
pub use trace::{Span, Tracer};
pub use watch::WatchStream;
