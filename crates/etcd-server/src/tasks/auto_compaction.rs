//! The leader's duty to forget history.

use std::convert::Infallible;
use std::time::Instant;

use etcd_api::{Error, Replica as _};
use etcd_config::AutoCompaction;
use etcd_proto::etcdserverpb::CompactionRequest;
use tracing::{info, warn};

use crate::adapters::ServerReplica;
use crate::auto_compaction::Plan;

/// Runs until dropped; every member keeps count, so that a new leader goes on where the old one was.
pub(crate) async fn compact_automatically(mode: AutoCompaction, replica: ServerReplica) -> Infallible {
    let started = Instant::now();
    let Some(mut plan) = Plan::new(mode, started.elapsed()) else { return std::future::pending().await };
    loop {
        let standing = replica.standing();
        let leads = standing.leader == standing.member_id.get();
        if let Some(revision) = plan.look(started.elapsed(), standing.revision, leads) {
            info!(revision, "starting auto compaction");
            let begun = Instant::now();
            match replica.compact(CompactionRequest { revision, physical: false }).await {
                // Somebody else was faster.
                Ok(_) | Err(Error::Compacted) => {
                    plan.done(started.elapsed(), revision);
                    info!(revision, took_ms = begun.elapsed().as_millis(), "completed auto compaction");
                }
                Err(error) => warn!(revision, %error, "failed auto compaction"),
            }
        }
        tokio::time::sleep(plan.interval()).await;
    }
}
