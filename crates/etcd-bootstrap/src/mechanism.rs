//! The ways to find the members of a cluster. A member uses exactly one.

use etcd_discovery::{DiscoveryError, Found, V2Options, V3Options, join_v2, join_v3};
use etcd_dns::Resolver;
use etcd_membership::Cluster;
use tracing::{error, info, warn};

use crate::error::BootstrapError;
use crate::options::{InitialCluster, Mode, Options};
use crate::start::local_member;

/// Where the members of a cluster come from.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Mechanism {
    /// From `--initial-cluster`.
    #[default]
    Static,
    /// From a discovery service, by the URL of a token: `--discovery`.
    DiscoveryV2(V2Options),
    /// From a discovery service, by a token: `--discovery-token`.
    DiscoveryV3(V3Options),
    /// From DNS: `--discovery-srv`.
    Dns {
        /// Which records.
        options: etcd_dns::Options,
        /// Whom to ask, for the records and for all names.
        resolver: Resolver,
    },
}

impl Mechanism {
    /// What ids are made from when it is a discovery service.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::DiscoveryV2(service) => Some(&service.url),
            Self::DiscoveryV3(service) => Some(&service.token),
            Self::Static | Self::Dns { .. } => None,
        }
    }
}

/// Registers with a discovery service and waits for the others.
///
/// # Source
/// etcd `server/etcdserver/bootstrap.go`, `bootstrapNewClusterNoWAL`.
pub(crate) async fn discover(options: &Options, token: &str) -> Result<InitialCluster, BootstrapError> {
    let (name, urls) = (&options.name, &options.advertise_peer_urls);
    let found = match &options.mechanism {
        Mechanism::DiscoveryV2(service) => join_v2(service, name, urls).await,
        Mechanism::DiscoveryV3(service) => join_v3(service, name, urls).await,
        Mechanism::Static | Mechanism::Dns { .. } => unreachable!("only a discovery service has a token"),
    };
    let found = found.map_err(|cause| {
        report(&cause, token, name);
        BootstrapError::Discovery { name: name.clone(), token: token.to_owned(), cause }
    })?;
    info!(initial_cluster = %found.members, "discovery joined cluster successfully");
    cluster(options, found)
}

fn cluster(options: &Options, found: Found) -> Result<InitialCluster, BootstrapError> {
    let Found { token, members: map, .. } = found;
    if map.has_duplicate_url() {
        return Err(BootstrapError::DuplicateDiscovered { map });
    }
    let cluster = Cluster::from_urls_map(&map, &token).map_err(|cause| BootstrapError::Ids { cause })?;
    let local = local_member(&cluster, options, &map)?;
    Ok(InitialCluster {
        cluster_id: cluster.id(),
        local_id: local.id,
        members: cluster.members().cloned().collect(),
        token,
        mode: Mode::New,
    })
}

/// What etcd logs when discovery fails.
fn report(cause: &DiscoveryError, token: &str, name: &str) {
    error!(error = %cause, "discovery failed to join cluster");
    match cause {
        DiscoveryError::DuplicateId { .. } => {
            error!(name, discovery_token = token, "member has been registered with discovery service");
            error!("but could not find valid cluster configuration");
            warn!("check data dir if previous bootstrap succeeded");
            warn!("or use a new discovery token if previous bootstrap failed");
        }
        DiscoveryError::DuplicateName { .. } => {
            error!(discovery_token = token, "member with duplicated name has already been registered");
            warn!("cURL the discovery token URL for details");
            warn!("do not reuse discovery token; generate a new one to bootstrap a cluster");
        }
        _ => {
            warn!(discovery_token = token, error = %cause, "failed to bootstrap; discovery token was already used");
            warn!("do not reuse discovery token; generate a new one to bootstrap a cluster");
        }
    }
}
