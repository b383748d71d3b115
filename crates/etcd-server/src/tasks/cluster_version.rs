//! The leader's duty to find the version that all members speak.

use std::time::Duration;

use etcd_apply::{ClusterState, Request};
use etcd_consensus::Raft;
use etcd_membership::{Cluster, ClusterVersion, Member, MemberId, Version};
use etcd_proto::membershippb::ClusterVersionSetRequest;
use etcd_transport::PeerClient;
use tracing::{debug, warn};

use crate::adapters::ServerReplica;
use crate::local_version;

/// Source: etcd `server/etcdserver/server.go` `monitorVersionInterval`.
const INTERVAL: Duration = Duration::from_secs(4);

/// How long one member may take to say its version.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Runs until dropped. Only the leader proposes; everybody looks again when the leader changes.
pub(crate) async fn keep_cluster_version(
    raft: Raft,
    replica: ServerReplica,
    cluster: ClusterState,
    client: PeerClient,
    local: MemberId,
) {
    let mut leader = raft.leadership();
    loop {
        let leads = raft.status().leader == local.get();
        if leads && let Some(version) = decide(&cluster, &replica, &client, local).await {
            let request = ClusterVersionSetRequest { ver: version.to_string() };
            if let Err(error) = replica.propose(Request::ClusterVersionSet(request)).await {
                warn!(%error, "cannot set the cluster version yet");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            changed = leader.changed() => if changed.is_err() { return },
        }
    }
}

/// The version to propose, if another one than now is right.
async fn decide(
    cluster: &ClusterState,
    replica: &ServerReplica,
    client: &PeerClient,
    local: MemberId,
) -> Option<ClusterVersion> {
    let view = cluster.get();
    let now = view.version();
    let versions = versions(&view, client, local).await;
    if let Some(target) = replica.downgrade_target() {
        return now.filter(|now| *now != target && now.may_become(target)).map(|_| target);
    }
    match (now, versions.and_then(|versions| versions.into_iter().min())) {
        // Not everybody answers: begin with the oldest, and rise when all are there.
        (None, None) => Some(ClusterVersion::MIN),
        (None, Some(lowest)) => Some(lowest.cluster()),
        (Some(now), Some(lowest)) if now < lowest.cluster() && now.may_become(lowest.cluster()) => {
            Some(lowest.cluster())
        }
        _ => None,
    }
}

/// The versions of all members; none while one does not answer.
pub(super) async fn versions(
    cluster: &Cluster,
    client: &PeerClient,
    local: MemberId,
) -> Option<Vec<Version>> {
    let mut versions = vec![local_version()];
    for member in cluster.members().filter(|member| member.id != local) {
        versions.push(fetch(client, member).await?);
    }
    Some(versions)
}

async fn fetch(client: &PeerClient, member: &Member) -> Option<Version> {
    for url in &member.peer_urls {
        match client.fetch_version(url, TIMEOUT).await {
            Ok(versions) => return versions.server.parse().ok(),
            Err(error) => debug!(peer_id = %member.id, url, %error, "cannot ask for the version"),
        }
    }
    None
}
