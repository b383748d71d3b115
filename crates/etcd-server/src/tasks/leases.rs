//! The leader's duty to count the time of leases, and to end those whose time is over.

use std::convert::Infallible;
use std::time::Duration;

use etcd_api::Error;
use etcd_consensus::{Leadership, Raft, Role};
use etcd_lease::LeaseId;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::adapters::ServerReplica;

/// Leases that are taken for revocation at a time.
const PORTION: usize = 4096;

/// Revocations that may be under way. They share rounds of the log; a crowd of them must not hold up what clients
/// write, so the next one waits for one to be applied.
const UNDER_WAY: usize = 512;

/// Checkpoints in one entry of the log.
///
/// Source: etcd `server/lease/lessor.go` `maxLeaseCheckpointBatchSize`.
const CHECKPOINTS: usize = 1000;

/// Between two looks when leases come and go all the time.
const PAUSE: Duration = Duration::from_millis(20);

/// Runs until dropped: counts while this member leads.
pub(crate) async fn keep_leases(raft: &Raft, replica: &ServerReplica) -> Infallible {
    let mut leadership = raft.leadership();
    loop {
        let now = *leadership.borrow_and_update();
        if now.role == Role::Leader {
            let differs = |then: &Leadership| (then.role, then.term) != (now.role, now.term);
            tokio::select! {
                never = count(raft, replica, now.term) => match never {},
                _ = leadership.wait_for(differs) => {}
            }
            replica.leases().demote();
        } else if leadership.changed().await.is_err() {
            // Raft is gone, and the member stops.
            return std::future::pending().await;
        }
    }
}

/// Counts as the leader of `term`.
async fn count(raft: &Raft, replica: &ServerReplica, term: u64) -> Infallible {
    // Begins when everything of earlier terms is applied, so that no renewal that an earlier leader put into the log is
    // missed.
    while raft.read_index().await.is_err() {
        sleep(PAUSE).await;
    }
    let leases = replica.leases();
    leases.promote(term);
    let count = leases.book().lock().len();
    if count > 0 {
        info!(term, leases = count, "counting the time of leases");
    }
    loop {
        let checkpoints = leases.book().lock().due_checkpoints(leases.now(), CHECKPOINTS);
        if !checkpoints.is_empty()
            && let Err(error) = replica.checkpoint(&checkpoints, term).await
        {
            warn!(leases = checkpoints.len(), %error, "cannot put the remaining time of leases into the log");
        }
        let due = leases.book().lock().due(leases.now(), PORTION);
        let more = due.len() == PORTION || checkpoints.len() == CHECKPOINTS;
        revoke(replica, due, term).await;
        if !more {
            rest(replica).await;
        }
    }
}

/// Revokes leases through the log. Those that fail are due again after a while.
async fn revoke(replica: &ServerReplica, due: Vec<LeaseId>, term: u64) {
    let attempts = due.len();
    let failed: Vec<Error> = stream::iter(due)
        .map(|id| revoke_one(replica, id, term))
        .buffer_unordered(UNDER_WAY)
        .filter_map(async |outcome| outcome.err())
        .collect()
        .await;
    if let Some(error) = failed.first() {
        warn!(leases = failed.len(), of = attempts, %error, "failed to revoke leases");
    }
}

async fn revoke_one(replica: &ServerReplica, id: LeaseId, term: u64) -> Result<(), Error> {
    loop {
        match replica.revoke_expired(id, term).await {
            // The queue is full, or users changed while the entry was under way.
            Err(Error::TooManyRequests | Error::AuthOldRevision) => sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

/// Sleeps until there may be something to do.
async fn rest(replica: &ServerReplica) {
    let leases = replica.leases();
    let mut changed = std::pin::pin!(leases.changed().notified());
    changed.as_mut().enable();
    let now = leases.now();
    let next = leases.book().lock().next_wake(now);
    let sleep_until = async {
        match next {
            Some(next) => sleep(next.saturating_sub(now)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = sleep_until => {}
        // A new lease may be the first to end; a moment later will do, for all that have come meanwhile.
        () = changed => sleep(PAUSE).await,
    }
}
