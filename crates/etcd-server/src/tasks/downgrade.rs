//! The leader's duty to end a downgrade that every member has made.

use std::convert::Infallible;
use std::time::Duration;

use etcd_apply::ClusterState;
use etcd_consensus::Raft;
use etcd_membership::MemberId;
use etcd_transport::PeerClient;
use tracing::{info, warn};

use super::cluster_version::versions;
use crate::adapters::ServerReplica;

/// Looks every `interval` (`--downgrade-check-time`), until dropped.
///
/// # Source
/// etcd `server/etcdserver/version/monitor.go`, `CancelDowngradeIfNeeded`.
pub(crate) async fn end_downgrade(
    interval: Duration,
    raft: Raft,
    replica: ServerReplica,
    cluster: ClusterState,
    client: PeerClient,
    local: MemberId,
) -> Infallible {
    loop {
        tokio::time::sleep(interval).await;
        if raft.status().leader != local.get() {
            continue;
        }
        let Some(target) = replica.downgrade_target() else { continue };
        let view = cluster.get();
        let found = versions(&view, &client, local).await;
        let is_made = found.is_some_and(|found| found.iter().all(|version| version.cluster() == target));
        if view.version() != Some(target) || !is_made {
            continue;
        }
        match replica.cancel_downgrade().await {
            Ok(()) => info!(version = %target, "the cluster has been downgraded"),
            Err(error) => warn!(%error, "cannot end the downgrade yet"),
        }
    }
}
