//! What goes in and what comes out.

use std::time::Duration;

use etcd_membership::{ClusterId, DEFAULT_MAX_LEARNERS, Member, MemberId, Urls, Version};

use crate::mechanism::Mechanism;

/// Whether the cluster is to be started or runs already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `--initial-cluster-state=new`.
    New,
    /// `--initial-cluster-state=existing`.
    Join,
}

/// What the operator said.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// `--name`.
    pub name: String,
    /// `--initial-cluster`, not yet parsed; looked at with [`Mechanism::Static`] only.
    pub initial_cluster: String,
    /// `--initial-cluster-token`.
    pub token: String,
    /// `--initial-cluster-state`.
    pub mode: Mode,
    /// `--initial-advertise-peer-urls`.
    pub advertise_peer_urls: Urls,
    /// How the members are found.
    pub mechanism: Mechanism,
    /// The version of this server, which decides which clusters it can join.
    pub version: Version,
    /// `--max-learners`.
    pub max_learners: usize,
    /// Limit for resolving all host names, with retries. etcd: 30 s.
    pub resolve_limit: Duration,
    /// Limit for one request that asks for a member's version. etcd: 5 s and two election time-outs.
    pub version_limit: Duration,
}

impl Options {
    /// Starting a new cluster, with etcd's defaults for everything else.
    pub fn new(name: &str, initial_cluster: &str, advertise_peer_urls: Urls) -> Self {
        Self {
            name: name.to_owned(),
            initial_cluster: initial_cluster.to_owned(),
            token: "etcd-cluster".to_owned(),
            mode: Mode::New,
            advertise_peer_urls,
            mechanism: Mechanism::Static,
            version: Version::new(3, 7, 0),
            max_learners: DEFAULT_MAX_LEARNERS,
            resolve_limit: Duration::from_secs(30),
            version_limit: Duration::from_secs(7),
        }
    }
}

/// The cluster that the member's log begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InitialCluster {
    /// Identifies the cluster.
    pub cluster_id: ClusterId,
    /// This member.
    pub local_id: MemberId,
    /// All members, by id. Starting: the ones to write into the log. Joining: as the running cluster knows them, for
    /// reaching them until the log tells; the local one may not have a name there yet.
    pub members: Vec<Member>,
    /// Part of the ids.
    pub token: String,
    /// How it was found.
    pub mode: Mode,
}
