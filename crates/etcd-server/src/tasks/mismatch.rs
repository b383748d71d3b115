//! What to do when peers say that this member is not one of theirs.

use std::time::Duration;

use etcd_consensus::Raft;
use etcd_membership::Cluster;
use tokio::sync::watch;
use tracing::error;

use crate::Ended;
use crate::adapters::Mismatch;

/// A member that was refused has this many election time-outs to find a leader elsewhere.
const PATIENCE: u32 = 3;

/// Ready when the member must end for it.
///
/// A member that has worked in its cluster never ends because of a stranger: whoever calls with another cluster id
/// is refused, and that is all. A member that has never seen a leader, and is told by a member of its own initial
/// cluster that the ids differ, is the stranger itself.
pub(crate) async fn judge_mismatch(
    mut mismatch: watch::Receiver<Option<Mismatch>>,
    raft: Raft,
    initial: Cluster,
    has_worked: bool,
    election_timeout: Duration,
) -> Ended {
    loop {
        let told = *mismatch.borrow_and_update();
        match told {
            Some(Mismatch::Removed { .. }) => return Ended::Removed,
            Some(Mismatch::Cluster { peer, theirs }) if !has_worked && initial.member(peer).is_some() => {
                let mut leader = raft.leadership();
                let found = leader.wait_for(|leadership| leadership.leader != 0);
                if tokio::time::timeout(election_timeout * PATIENCE, found).await.is_err() {
                    error!(peer_id = %peer, ours = %initial.id(), %theirs, "conflicting cluster ID");
                    return Ended::Failed(format!(
                        "conflicting cluster ID to the target cluster ({} != {theirs}). Exiting.",
                        initial.id()
                    ));
                }
            }
            _ => {}
        }
        if mismatch.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
