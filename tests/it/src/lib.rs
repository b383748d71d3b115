//! What the integration tests of the `etcd` binary share.
//!
//! The tests are in `tests/it`: one binary, one module for each concern. They start real processes on loopback
//! (`etcd-testkit`), and drive them with clients that are not ours: `etcdctl`, the crate `etcd-client`, and, for
//! requests that no decent client sends, plain gRPC over `etcd-proto`. Nothing here links the server.
//!
//! `ETCD_BIN` names the server under test. Against Go's etcd 3.4 (Debian's `/usr/bin/etcd`) the same tests pass,
//! without those of flags and texts that it does not have, and of watch streams that wait for headers before their
//! first request; that is what shows that the tests ask for the right thing.
//!
//! Invariants: no fixed sleeps, only waits for a state with a deadline; tests run side by side, each with ports and
//! a directory of its own (the guide's fixed addresses are guarded by a lock); data of a failed test is kept, and no
//! test passes when a server's log tells of a panic.
//!
//! ```no_run
//! let mut cluster = etcd_it::start(etcd_it::cluster(3));
//! let runtime = etcd_it::runtime();
//! let (revision, hash) = cluster.equal_hashes(&runtime);
//! assert_eq!(revision, 1, "nothing was written");
//! # let _ = hash;
//! ```

mod binary;
mod cluster;
mod ctl;
mod discovered;
mod running;
mod scratch;
mod seed;
mod server;

pub use binary::{discovery_service, foreign, is_go_3_4, server};
pub use cluster::{TestCluster, cluster, prepare, runtime, start};
pub use ctl::{Answer, Ctl};
pub use discovered::{DiscoveredMembers, debian_etcd};
pub use running::Running;
pub use scratch::Scratch;
pub use seed::seeded;
pub use server::{DEADLINE, Ended, Server, assert_no_panic};
