//! The leader's duty to let v2 keys go when their time is up: members have no clock in common, so the leader puts the
//! time into the log.

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcd_apply::Request;
use etcd_consensus::Raft;
use etcd_proto::etcdserverpb;
use tracing::debug;

use crate::adapters::ServerV2;

/// Source: etcd 3.4 `etcdserver/server.go` `SyncTicker`.
const INTERVAL: Duration = Duration::from_millis(500);

/// Runs until dropped.
pub(crate) async fn expire_v2_keys(raft: Raft, v2: ServerV2) -> Infallible {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let status = raft.status();
        v2.note_leader(status.leader);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let time = i64::try_from(now).unwrap_or(i64::MAX);
        let due = v2.keys().next_expiry().is_some_and(|at| at <= time);
        if !due || status.leader != status.id {
            continue;
        }
        let request =
            etcdserverpb::Request { method: "SYNC".into(), time, ..etcdserverpb::Request::default() };
        if let Err(error) = v2.replica().propose(Request::V2(Box::new(request))).await {
            debug!(%error, "cannot expire v2 keys yet");
        }
    }
}
