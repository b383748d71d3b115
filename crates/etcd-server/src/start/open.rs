//! What a member has on disk: made at its first start, found at every other.

use etcd_apply::{ClusterState, Machine};
use etcd_bootstrap::InitialCluster;
use etcd_config::Config;
use etcd_membership::{Cluster, ClusterId};
use etcd_storage::Storage;
use tracing::{info, warn};

use super::options::{lease_rules, wal_options};
use super::resolve;
use crate::data_dir::DataDir;
use crate::log::{self, OpenLog};
use crate::start_error::StartError;

/// What was found or made on disk, before anything runs.
pub(super) struct Opened {
    pub(super) storage: Storage,
    pub(super) machine: Machine,
    pub(super) log: OpenLog,
    pub(super) cluster: ClusterState,
    /// Whom to connect to at first.
    pub(super) initial: Cluster,
    /// Whether this member has taken part in its cluster before.
    pub(super) has_worked: bool,
}

pub(super) fn open_new(
    config: &Config,
    paths: &DataDir,
    initial: InitialCluster,
) -> Result<Opened, StartError> {
    let cluster = ClusterState::new(Cluster::new(initial.cluster_id, []));
    let (storage, machine) = open_machine(config, paths, &cluster)?;
    let log = log::begin(&paths.wal, wal_options(config), &initial)?;
    let initial = Cluster::new(initial.cluster_id, initial.members);
    Ok(Opened { storage, machine, log, cluster, initial, has_worked: false })
}

pub(super) async fn open_existing(config: &Config, paths: &DataDir) -> Result<Opened, StartError> {
    info!(wal_dir = %paths.wal.display(), "found a log; the initial-* flags are ignored");
    paths.require_database()?;
    // The cluster id is in the log, and the log is read from where storage stands.
    let unnamed = ClusterState::new(Cluster::new(ClusterId::new(0), []));
    let (storage, machine) = open_machine(config, paths, &unnamed)?;
    let log = log::reopen(&paths.wal, wal_options(config), &machine)?;
    if log::is_blank(&log) {
        warn!("the log is empty: the first start was interrupted and is made again");
        drop(log);
        log::discard(&paths.wal)?;
        drop((storage, machine));
        return open_new(config, paths, resolve(config).await?);
    }
    let cluster_id = ClusterId::new(log.metadata.cluster_id);
    unnamed.name(cluster_id);
    let known = unnamed.members();
    let members = if known.is_empty() { log::founding_members(&log.recovered.entries) } else { known };
    let has_worked = log.recovered.hard_state.term > 1;
    let initial = Cluster::new(cluster_id, members);
    Ok(Opened { storage, machine, log, cluster: unnamed, initial, has_worked })
}

fn open_machine(
    config: &Config,
    paths: &DataDir,
    cluster: &ClusterState,
) -> Result<(Storage, Machine), StartError> {
    let mut options = etcd_storage::Options::new(&paths.database);
    options.batch_interval = config.backend_batch_interval;
    options.batch_limit = config.backend_batch_limit;
    options.no_sync = config.unsafe_no_fsync;
    let storage = Storage::open(options)?;
    defragment_if_worth(config, &storage);
    let mut mvcc = etcd_mvcc::Options::default();
    mvcc.compaction_batch_limit = config.compaction_batch_limit;
    mvcc.compaction_sleep_interval = config.compaction_sleep_interval;
    let options =
        etcd_apply::Options { mvcc, max_learners: config.max_learners, leases: lease_rules(config) };
    let machine = Machine::open(storage.clone(), cluster.clone(), options)?;
    Ok((storage, machine))
}

/// `--bootstrap-defrag-threshold-megabytes`. A database that cannot be defragmented is used as it is.
///
/// # Source
/// etcd `server/etcdserver/bootstrap.go` maybeDefragBackend.
fn defragment_if_worth(config: &Config, storage: &Storage) {
    let size = storage.size();
    let threshold = config.bootstrap_defrag_threshold_megabytes.saturating_mul(1 << 20);
    let free = size.total.saturating_sub(size.in_use);
    if threshold == 0 || free < threshold {
        return;
    }
    info!(free, threshold, "the database has more free space than the threshold; defragmenting it");
    if let Err(error) = storage.defragment() {
        warn!(%error, "cannot defragment the database; it is used as it is");
    }
}
