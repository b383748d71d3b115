//! Watches the size of this member's database: raises the alarm when it is full, clears it when there is room again.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use etcd_api::Maintenance as _;
use etcd_proto::etcdserverpb::AlarmType;
use etcd_proto::etcdserverpb::alarm_request::AlarmAction;
use tracing::{info, warn};

use crate::adapters::ServerReplica;

/// The size changes with each commit of the database, some ten times a second.
const INTERVAL: Duration = Duration::from_millis(500);

/// Between two defragmentations that this task makes.
const DEFRAGMENT_PAUSE: Duration = Duration::from_secs(60);

/// Runs until dropped.
///
/// Deletes and compactions free space within the file only. A full member therefore defragments its database by itself
/// as soon as that is worth it: nobody has to wait for it, and then there is room again.
///
/// An alarm that an operator raises by hand, while the database has room, stays until it is cleared by hand.
pub(crate) async fn watch_space(replica: ServerReplica) -> Infallible {
    // One from before the start was raised by this task, most likely.
    let mut is_ours = replica.is_out_of_space();
    let mut defragmented: Option<Instant> = None;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let is_raised = replica.is_out_of_space();
        let size = replica.database_size();
        let quota = replica.quota();
        is_ours = is_raised && (is_ours || quota.is_full(size));
        let may_defragment = defragmented.is_none_or(|at| at.elapsed() >= DEFRAGMENT_PAUSE);
        if is_ours && may_defragment && quota.is_worth_defragmenting(size, replica.database_size_in_use()) {
            // A failure is in the log; the next attempt comes after the pause.
            let _ = replica.defragment().await;
            defragmented = Some(Instant::now());
            continue;
        }
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
