//! Starts, breaks and watches real etcd processes, for tests and developer tools.
//!
//! Blocking, small, and ignorant of gRPC: it knows etcd only by its command line, its HTTP side doors
//! (`/health`, `/version`, `/metrics`, peer `/members`) and its process. So it drives our `etcd` and any other
//! alike, and it never links the server.
//!
//! Invariants:
//! - nothing sleeps for a fixed time: every wait asks for a *state*, has a deadline, and on failure says what was
//!   last seen and ends with the members' last log lines;
//! - a [`Process`] dies with its handle, unless it is [detached](Process::detach);
//! - a signal goes only to the process it was meant for: a recycled process id is recognised ([`ProcessId`]);
//! - ports stay reserved for as long as their [`ReservedPort`] lives, also against other test processes;
//! - everything listens on loopback only.
//!
//! ```no_run
//! use etcd_testkit::{Cluster, server_binary};
//!
//! let mut cluster = Cluster::builder(server_binary()?).members(3).start()?;
//! let leader = cluster.wait_for_leader()?;
//! cluster.kill(leader)?;
//! let next = cluster.wait_for_leader()?;
//! assert_ne!(leader, next);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod binary;
mod builder;
mod certs;
mod cluster;
mod dns;
mod identity;
mod metrics;
mod ports;
mod probe;
mod process;
mod procfs;
mod service;
mod spec;
mod tail;
mod wait;

pub use binary::{BinaryError, server_binary};
pub use builder::ClusterBuilder;
pub use certs::{Authority, CertError, CertFiles, Leaf};
pub use cluster::{Cluster, ClusterError, Member};
pub use dns::{DnsError, DnsServer, Zone};
pub use identity::{ProcessId, SignalError};
pub use metrics::Metrics;
pub use ports::{ReservedPort, reserve_ports};
pub use probe::{PeerMember, Probe, ProbeError, Version};
pub use process::{Launch, Process, ProcessError};
pub use procfs::{ProcessState, Usage, children_of, command_line, listener_on};
pub use rustix::process::Signal;
pub use service::{DiscoveryService, ServiceError, TokenService};
pub use spec::{Certificates, MemberSpec, Security, initial_cluster};
pub use tail::last_lines;
pub use wait::{WaitError, wait_until};
