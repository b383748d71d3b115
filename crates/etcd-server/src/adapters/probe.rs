//! Bootstrap's questions to other members, asked over the peer protocol.

use std::sync::Arc;
use std::time::Duration;

use etcd_bootstrap::{InitialCluster, MemberVersions, Mode, Options, PeerProbe, ProbeError, SystemResolver};
use etcd_config::{ClusterState, Config};
use etcd_membership::{ClusterId, Member};
use etcd_tls::Tls;
use etcd_transport::PeerClient;

use super::discovery::mechanism;
use crate::start_error::StartError;

/// Longer than any limit that bootstrap itself sets; it drops the question then.
const PATIENCE: Duration = Duration::from_secs(30);

/// Finds the cluster of a member that has no data; `tls` is for asking members with https URLs.
///
/// # Errors
/// All of them end the start.
pub(crate) async fn resolve_initial_cluster(
    config: &Config,
    tls: Option<Arc<Tls>>,
) -> Result<InitialCluster, StartError> {
    let urls = config.initial_advertise_peer_urls.clone();
    let mut options = Options::new(&config.name, &config.initial_cluster, urls);
    options.token.clone_from(&config.initial_cluster_token);
    options.mode = match config.initial_cluster_state {
        ClusterState::New => Mode::New,
        ClusterState::Existing => Mode::Join,
    };
    options.mechanism = mechanism(config).await?;
    options.version = crate::local_version();
    options.max_learners = config.max_learners;
    options.version_limit = Duration::from_secs(5) + 2 * config.election_timeout;
    let probe = HttpPeerProbe(PeerClient::new(tls));
    Ok(etcd_bootstrap::resolve(&options, &probe, &SystemResolver).await?)
}

struct HttpPeerProbe(PeerClient);

impl PeerProbe for HttpPeerProbe {
    async fn members(&self, peer_url: &str) -> Result<(ClusterId, Vec<Member>), ProbeError> {
        Ok(self.0.fetch_members(peer_url, PATIENCE).await?)
    }

    async fn version(&self, peer_url: &str) -> Result<MemberVersions, ProbeError> {
        let versions = self.0.fetch_version(peer_url, PATIENCE).await?;
        // `not_decided` while the cluster has none.
        Ok(MemberVersions { cluster: versions.cluster.parse().ok() })
    }

    async fn downgrade_enabled(&self, peer_url: &str) -> Result<bool, ProbeError> {
        Ok(self.0.fetch_downgrade_enabled(peer_url, PATIENCE).await?)
    }
}
