//! One etcd member: composes the crates of this workspace, and can be embedded.
//!
//! [`Member::start`] brings a member up from a [`etcd_config::Config`]; [`Member::run`] keeps it up until it is told
//! to stop or a part of it fails, and takes it down without losing anything that was acknowledged.
//! The binary `etcd` is this and a command line.
//!
//! It holds no formats, no routes and no Raft logic: those are in the crates below. What is here is the order of
//! things at start and stop, the mapping from flags to each crate's options, the adapters between crates, and the
//! timed tasks.

mod adapters;
mod auto_compaction;
mod client_side;
mod corruption;
mod data_dir;
mod listeners;
mod log;
pub mod logging;
mod member;
mod metrics;
mod peer_port;
mod process;
mod quota;
mod request_id;
mod slow_apply;
mod start;
mod start_error;
mod tasks;
mod tls;
mod traces;
mod waiters;

pub use adapters::TokenError;
pub use data_dir::DataDirError;
pub use listeners::ListenError;
pub use log::LogOpenError;
pub use member::{Ended, Member};
pub use process::{DescriptorLimit, cores, default_host};
pub use start_error::StartError;
pub use tls::TlsError;
pub use traces::TracesError;

/// The etcd version whose API and peer protocol this server speaks.
pub const API_VERSION: &str = "3.7.0";

/// The oldest cluster version that this server can be a member of.
pub const MIN_CLUSTER_VERSION: &str = "3.0.0";

pub(crate) fn local_version() -> etcd_membership::Version {
    etcd_membership::Version::new(3, 7, 0)
}
