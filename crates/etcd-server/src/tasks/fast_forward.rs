//! Shortens the first election: a member that has just started need not wait out a leader that cannot be there.

use std::time::Duration;

use etcd_consensus::Raft;
use etcd_membership::Cluster;
use etcd_transport::Transport;

const LOOK: Duration = Duration::from_millis(20);

/// After this long there is nothing left to shorten.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lets most of the first election time-out pass at once: alone right away, otherwise as soon as a quorum can be
/// reached. A leader that is there makes itself heard within a heartbeat and prevents the election.
///
/// # Source
/// etcd `server/etcdserver/server.go` `adjustTicks`.
pub(crate) async fn fast_forward(raft: &Raft, transport: &Transport, initial: &Cluster) {
    let quorum = initial.voters().count() / 2 + 1;
    let reached = async {
        loop {
            let active = transport.peer_status().iter().filter(|peer| peer.active_since.is_some()).count();
            if active + 1 >= quorum {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(PATIENCE, reached).await.is_ok() && raft.status().leader == 0 {
        raft.advance_ticks();
    }
}
