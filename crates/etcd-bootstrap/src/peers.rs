//! Asking other members.

use std::future::Future;
use std::time::Duration;

use etcd_membership::{Cluster, ClusterId, ClusterVersion, Member, MemberId};
use tokio::time::timeout;
use tracing::warn;

/// Why a member did not answer.
pub type ProbeError = Box<dyn std::error::Error + Send + Sync>;

/// What a member says about versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberVersions {
    /// The version of its cluster; `None` while it is not decided.
    pub cluster: Option<ClusterVersion>,
}

/// Asks a member on its peer URL. Implemented by the caller; each call is one request without retries, and is dropped
/// when its time is over.
pub trait PeerProbe: Sync {
    /// `GET <peer url>/members`: the cluster id (of the header `X-Etcd-Cluster-ID`) and the members.
    fn members(
        &self,
        peer_url: &str,
    ) -> impl Future<Output = Result<(ClusterId, Vec<Member>), ProbeError>> + Send;

    /// `GET <peer url>/version`.
    fn version(&self, peer_url: &str) -> impl Future<Output = Result<MemberVersions, ProbeError>> + Send;

    /// `GET <peer url>/downgrade/enabled`.
    fn downgrade_enabled(&self, peer_url: &str) -> impl Future<Output = Result<bool, ProbeError>> + Send;
}

/// Reaches nobody: for a cluster of one member.
#[derive(Debug, Clone, Copy)]
pub struct Offline;

impl PeerProbe for Offline {
    async fn members(&self, _: &str) -> Result<(ClusterId, Vec<Member>), ProbeError> {
        Err("offline".into())
    }

    async fn version(&self, _: &str) -> Result<MemberVersions, ProbeError> {
        Err("offline".into())
    }

    async fn downgrade_enabled(&self, _: &str) -> Result<bool, ProbeError> {
        Err("offline".into())
    }
}

/// Why no cluster could be fetched; the texts are etcd's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("could not retrieve cluster information from the given URLs")]
    NobodyAnswers,
    #[error("failed to get raft cluster member(s) from the given URLs")]
    NoMembers,
}

/// Asks one URL after the other; the first answer decides. Failures are logged when `log` is set.
///
/// # Source
/// etcd `server/etcdserver/cluster_util.go`, `getClusterFromRemotePeers`.
pub(crate) async fn fetch_cluster(
    probe: &impl PeerProbe,
    peer_urls: &[String],
    limit: Duration,
    log: bool,
) -> Result<Cluster, FetchError> {
    for address in peer_urls {
        match within(limit, probe.members(address)).await {
            Ok((_, members)) if members.is_empty() => return Err(FetchError::NoMembers),
            Ok((id, members)) => return Ok(Cluster::new(id, members)),
            Err(error) if log => warn!(address, %error, "failed to get cluster response"),
            Err(_) => {}
        }
    }
    Err(FetchError::NobodyAnswers)
}

/// The cluster versions that the members other than `local` tell.
pub(crate) async fn cluster_versions(
    probe: &impl PeerProbe,
    cluster: &Cluster,
    local: MemberId,
    limit: Duration,
) -> Vec<ClusterVersion> {
    let mut versions = Vec::new();
    for member in cluster.members().filter(|member| member.id != local) {
        for address in &member.peer_urls {
            match within(limit, probe.version(address)).await {
                Ok(answer) => {
                    versions.extend(answer.cluster);
                    break;
                }
                Err(error) => {
                    warn!(address, peer_id = %member.id, %error, "failed to get the version of a member")
                }
            }
        }
    }
    versions
}

/// Whether the cluster is in a downgrade, as the first member that knows tells.
pub(crate) async fn is_downgrading(
    probe: &impl PeerProbe,
    cluster: &Cluster,
    local: MemberId,
    limit: Duration,
) -> bool {
    for member in cluster.members().filter(|member| member.id != local) {
        for address in &member.peer_urls {
            if let Ok(enabled) = within(limit, probe.downgrade_enabled(address)).await {
                return enabled;
            }
        }
    }
    false
}

async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, ProbeError>>,
) -> Result<T, ProbeError> {
    match timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {limit:?}").into()),
    }
}
