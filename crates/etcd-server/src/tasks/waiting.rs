//! Says what a member waits for while its cluster has no leader.

use std::convert::Infallible;
use std::time::Duration;

use etcd_membership::{Cluster, MemberId};
use etcd_transport::{PeerStatus, Transport};
use tracing::warn;

const FIRST: Duration = Duration::from_secs(3);
const INTERVAL: Duration = Duration::from_secs(10);

/// Logs who can be reached and who cannot, until dropped.
pub(crate) async fn report_waiting(transport: &Transport, cluster: &Cluster, local: MemberId) -> Infallible {
    tokio::time::sleep(FIRST).await;
    loop {
        warn!("waiting for the cluster: {}", describe(cluster, local, &transport.peer_status()));
        tokio::time::sleep(INTERVAL).await;
    }
}

/// `1 of 3 members reachable; infra2 http://10.0.1.12:2380: connection refused; …`
fn describe(cluster: &Cluster, local: MemberId, peers: &[PeerStatus]) -> String {
    let away: Vec<&PeerStatus> =
        peers.iter().filter(|peer| peer.id != local && peer.active_since.is_none()).collect();
    let total = cluster.members().len();
    let mut text = format!("{} of {total} members reachable", total.saturating_sub(away.len()));
    for peer in away {
        let name = cluster.member(peer.id).map_or("", |member| member.name.as_str());
        let reason = peer.last_error.as_ref().map_or("no answer yet", |error| error.reason.as_str());
        text += &format!("; {name} {}: {reason}", peer.urls.join(","));
    }
    text
}
