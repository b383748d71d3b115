//! The options of each part, as the configuration has them.

use std::time::Duration;

use etcd_auth::password;
use etcd_config::Config;
use etcd_consensus::CoreOptions;
use etcd_membership::MemberId;
use etcd_transport::Security;
use tracing::warn;

use crate::adapters::{LeaseOptions, ReplicaOptions};
use crate::quota::Quota;
use crate::tls::MemberTls;

pub(super) fn wal_options(config: &Config) -> etcd_wal::Options {
    etcd_wal::Options {
        no_sync: config.unsafe_no_fsync,
        max_wals: usize::try_from(config.max_wals).unwrap_or(usize::MAX),
        ..etcd_wal::Options::default()
    }
}

/// etcd takes the default for a cost that bcrypt does not know.
pub(super) fn bcrypt_cost(config: &Config) -> u32 {
    let given = u32::try_from(config.bcrypt_cost).unwrap_or(u32::MAX);
    if (password::MIN_COST..=password::MAX_COST).contains(&given) {
        return given;
    }
    warn!(given, used = password::DEFAULT_COST, "--bcrypt-cost must be 4 to 31; the default is used");
    password::DEFAULT_COST
}

pub(super) fn raft_options(config: &Config, id: MemberId, started_ms: u64) -> etcd_consensus::Options {
    let tick = config.heartbeat_interval.max(Duration::from_millis(1));
    let ticks = config.election_timeout.as_millis() / tick.as_millis();
    let mut core = CoreOptions::new(id.get(), rand::random());
    core.election_ticks = usize::try_from(ticks).unwrap_or(usize::MAX).max(2);
    core.pre_vote = config.pre_vote;
    let mut options = etcd_consensus::Options::new(core, started_ms << 20);
    options.tick = tick;
    options.snapshot_count = config.snapshot_count;
    options.catch_up_entries = config.snapshot_catchup_entries;
    options.proposal_timeout = request_timeout(config);
    options
}

pub(super) fn peer_security(config: &Config, tls: &MemberTls) -> Security {
    Security::Tls {
        acceptor: tls.peer_acceptor(etcd_transport::Limits::default().max_connections),
        check_addresses: !config.peer_tls.skip_client_san_verification,
    }
}

pub(super) fn transport_options(config: &Config, tls: &MemberTls) -> etcd_transport::Options {
    let defaults = etcd_transport::Options::default();
    etcd_transport::Options {
        tls: Some(tls.peer()),
        dial_timeout: Duration::from_secs(1) + config.election_timeout,
        read_timeout: config.raft_read_timeout,
        // An append may carry one entry of any size that a client may propose.
        max_message_bytes: defaults.max_message_bytes.max(config.max_request_bytes.saturating_mul(2)),
        // Peers post only while a stream is down; what strangers can make us hold is this times the size above.
        max_posts: 8,
        ..defaults
    }
}

pub(super) fn replica_options(config: &Config) -> ReplicaOptions {
    ReplicaOptions {
        max_request_bytes: config.max_request_bytes,
        request_timeout: request_timeout(config),
        quota: Quota::new(config.quota_backend_bytes),
    }
}

/// Source: etcd `server/etcdserver/server.go` `NewServer`: three halves of an election time-out, in whole seconds.
fn min_lease_ttl(config: &Config) -> i64 {
    let ticks = u32::try_from(3 * config.election_ticks() / 2).unwrap_or(u32::MAX);
    let least = config.heartbeat_interval.saturating_mul(ticks);
    i64::try_from(least.as_millis().div_ceil(1000)).unwrap_or(etcd_lease::MAX_TTL).max(1)
}

/// The rules by which this member counts the time of leases when it leads.
pub(super) fn lease_rules(config: &Config) -> etcd_lease::Options {
    /// Source: etcd `server/lease/lessor.go` `defaultLeaseCheckpointInterval`.
    const CHECKPOINTS: Duration = Duration::from_secs(300);
    let mut rules = etcd_lease::Options::default();
    rules.min_ttl = min_lease_ttl(config);
    // Checkpoints are always stored, as by etcd 3.6 and later, so that LeaseCheckpointPersist has nothing to add.
    rules.checkpoint_interval = config.has_gate("LeaseCheckpoint").then_some(CHECKPOINTS);
    rules.retry = request_timeout(config);
    rules
}

pub(super) fn lease_options(config: &Config) -> LeaseOptions {
    LeaseOptions {
        min_ttl: min_lease_ttl(config),
        extend: config.election_timeout,
        fast_keep_alive: config.has_gate("FastLeaseKeepAlive"),
    }
}

/// Source: etcd `server/config/config.go` `ReqTimeout`.
pub(super) fn request_timeout(config: &Config) -> Duration {
    Duration::from_secs(5) + 2 * config.election_timeout
}
