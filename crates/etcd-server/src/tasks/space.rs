//! Watches the size of this member's database: raises the alarm when it is full, clears it when there is room again.

use std::convert::Infallible;
use std::time::Duration;

use etcd_proto::etcdserverpb::AlarmType;
use etcd_proto::etcdserverpb::alarm_request::AlarmAction;
use tracing::{info, warn};

use crate::adapters::ServerReplica;

/// The size changes with each commit of the database, some ten times a second.
const INTERVAL: Duration = Duration::from_millis(500);

/// Runs until dropped.
///
/// An alarm that an operator raises by hand, while the database has room, stays until it is cleared by hand.
pub(crate) async fn watch_space(replica: ServerReplica) -> Infallible {
    // One from before the start was raised by this task, most likely.
    let mut is_ours = replica.is_out_of_space();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let is_raised = replica.is_out_of_space();
        let size = replica.database_size();
        let quota = replica.quota();
        is_ours = is_raised && (is_ours || quota.is_full(size));
        let action = match (is_raised, quota.is_full(size), quota.has_room(size)) {
            (false, true, _) => AlarmAction::Activate,
            (true, _, true) if is_ours => AlarmAction::Deactivate,
            _ => continue,
        };
        match replica.propose_alarm(action, AlarmType::Nospace).await {
            Ok(_) if action == AlarmAction::Activate => {
                warn!(size, quota = quota.reported(), "the database is full; only what frees space is taken");
            }
            Ok(_) => info!(size, quota = quota.reported(), "the database has room again"),
            Err(error) => warn!(%error, size, "cannot tell the cluster about this member's space yet"),
        }
    }
}
