//! Watches the size of this member's database: raises the alarm when it is full, clears it when there is room again.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use etcd_api::Maintenance as _;
use etcd_proto::etcdserverpb::alarm_request::AlarmAction;
use tracing::{info, warn};

use crate::adapters::ServerReplica;

/// The size changes with each commit of the database, some ten times a second.
const INTERVAL: Duration = Duration::from_millis(500);

/// Between two defragmentations that this task makes.
const DEFRAGMENT_PAUSE: Duration = Duration::from_secs(30);

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
        // A request that was refused may have raised it where a smaller one would fit, so that the size does not tell.
        let has_raised = replica.take_raised_alarm();
        let is_raised = replica.is_out_of_space();
        let size = replica.database_size();
        let quota = replica.quota();
        is_ours = is_raised && (is_ours || has_raised || quota.is_full(size));
        let may_defragment = defragmented.is_none_or(|at| at.elapsed() >= DEFRAGMENT_PAUSE);
        // Rows that are on their way to the disk are not in what is in use yet, and are not what makes the file large.
        let committed = replica.committed_size();
        let is_worth_it = quota.is_worth_defragmenting(committed.total, committed.in_use);
        if is_ours && may_defragment && is_worth_it {
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
        match replica.propose_space_alarm(action).await {
            Ok(()) if action == AlarmAction::Activate => {
                warn!(size, quota = quota.reported(), "the database is full; only what frees space is taken");
            }
            Ok(()) => info!(size, quota = quota.reported(), "the database has room again"),
            Err(error) => warn!(%error, size, "cannot tell the cluster about this member's space yet"),
        }
    }
}
