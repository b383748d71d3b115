//! The downgrade that the cluster is making, if it makes one.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use etcd_membership::ClusterVersion;
use etcd_proto::membershippb::DowngradeInfoSetRequest;
use etcd_storage::{Batch, Bucket, Storage};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

const KEY: &[u8] = b"downgrade";

/// The record of the downgrade cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DowngradeError {
    /// Storage failed.
    #[error("cannot read the downgrade")]
    Read(#[from] etcd_storage::ReadError),
    /// The record is not what this server writes.
    #[error("malformed downgrade record")]
    Malformed(#[from] serde_json::Error),
}

/// Whether the cluster goes down to an older version, and to which.
///
/// Stored as etcd stores it: `{"target-version":"3.6.0","enabled":true}` in the bucket `cluster`.
///
/// # Source
/// etcd `server/etcdserver/version/downgrade.go`, `server/storage/schema/membership.go`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downgrade {
    /// The version to go to; empty when there is no downgrade.
    #[serde(rename = "target-version", default)]
    pub target: String,
    /// Whether there is one.
    #[serde(default)]
    pub enabled: bool,
}

impl Downgrade {
    /// The version to go to, while there is a downgrade.
    pub fn target(&self) -> Option<ClusterVersion> {
        if self.enabled { self.target.parse().ok() } else { None }
    }
}

/// The downgrade as far as the log was applied; a cheap handle, read from any thread without a lock.
#[derive(Debug, Clone, Default)]
pub struct DowngradeState(Arc<ArcSwap<Downgrade>>);

impl DowngradeState {
    /// The downgrade now.
    pub fn get(&self) -> Arc<Downgrade> {
        self.0.load_full()
    }

    pub(crate) fn load(&self, storage: &Storage) -> Result<(), DowngradeError> {
        let stored = storage.get(Bucket::CLUSTER, KEY)?;
        let downgrade = stored.map(|json| serde_json::from_slice(&json)).transpose()?;
        self.0.store(Arc::new(downgrade.unwrap_or_default()));
        Ok(())
    }

    pub(crate) fn apply(&self, request: &DowngradeInfoSetRequest, batch: &mut Batch) {
        let target = if request.enabled { request.ver.clone() } else { String::new() };
        let downgrade = Downgrade { target, enabled: request.enabled };
        if downgrade.enabled {
            warn!(target_version = downgrade.target, "the cluster is ready to be downgraded");
        } else {
            info!("the cluster is not to be downgraded any more");
        }
        let json = serde_json::to_vec(&downgrade)
            .unwrap_or_else(|error| unreachable!("a downgrade as JSON: {error}"));
        batch.put(Bucket::CLUSTER, Bytes::from_static(KEY), json);
        self.0.store(Arc::new(downgrade));
    }
}
