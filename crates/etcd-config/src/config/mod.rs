//! The configuration, typed.

mod fields;
mod groups;
mod secret;

pub use fields::{ClusterState, LogFormat, LogLevel};
pub use groups::{ClientTls, Discovery, PeerTls, Tracing, V2Proxy};
pub use secret::Secret;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use etcd_membership::Urls;
use serde::Deserialize;

/// Everything that flags, environment or file can set; each field is named after its flag.
///
/// Durations that are "0 means default" in etcd are already replaced by that default.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Config {
    /// Human readable; a key of the initial cluster.
    pub name: String,
    /// Directory for all data; never empty.
    pub data_dir: PathBuf,
    /// Directory for the log, when not below `data_dir`.
    #[serde(deserialize_with = "fields::optional_path")]
    pub wal_dir: Option<PathBuf>,
    /// Applied entries between two compactions of the Raft log.
    pub snapshot_count: u64,
    /// Entries kept behind the applied one when the Raft log is compacted.
    pub snapshot_catchup_entries: u64,
    /// Time between two heartbeats.
    #[serde(deserialize_with = "fields::millis")]
    pub heartbeat_interval: Duration,
    /// Time without a leader before an election.
    #[serde(deserialize_with = "fields::millis")]
    pub election_timeout: Duration,
    /// Shorten the first election after a start.
    pub initial_election_tick_advance: bool,
    /// Where to listen for members.
    pub listen_peer_urls: Urls,
    /// Where to listen for clients.
    pub listen_client_urls: Urls,
    /// Where to listen for HTTP alone.
    pub listen_client_http_urls: Urls,
    /// Where else to serve metrics and health.
    pub listen_metrics_urls: Urls,
    /// Without effect.
    pub max_snapshots: u64,
    /// Log files to keep; 0 keeps all.
    pub max_wals: u64,
    /// Keep memory out of swap.
    pub memory_mlock: bool,
    /// Bytes; 0 means 2 GiB, negative no limit.
    pub quota_backend_bytes: i64,
    /// Without effect.
    pub backend_bbolt_freelist_type: String,
    /// Longest time until a change is committed to the database.
    #[serde(deserialize_with = "fields::nanos")]
    pub backend_batch_interval: Duration,
    /// Most changes in one commit of the database.
    #[serde(deserialize_with = "fields::count")]
    pub backend_batch_limit: usize,
    /// Most operations in a transaction.
    #[serde(deserialize_with = "fields::count")]
    pub max_txn_ops: usize,
    /// Largest request, in bytes.
    #[serde(deserialize_with = "fields::count")]
    pub max_request_bytes: usize,
    /// Most streams on one client connection.
    pub max_concurrent_streams: u32,
    /// Shortest time between two pings of a client.
    #[serde(deserialize_with = "fields::nanos")]
    pub grpc_keepalive_min_time: Duration,
    /// Time between two pings to a client; zero turns them off.
    #[serde(deserialize_with = "fields::nanos")]
    pub grpc_keepalive_interval: Duration,
    /// Time to wait for the answer to a ping; zero turns pings off.
    #[serde(deserialize_with = "fields::nanos")]
    pub grpc_keepalive_timeout: Duration,
    /// SO_REUSEPORT.
    pub socket_reuse_port: bool,
    /// SO_REUSEADDR.
    pub socket_reuse_address: bool,
    /// Serve JSON.
    pub enable_grpc_gateway: bool,
    /// Time limit for reading from a member; at least 5 s.
    #[serde(deserialize_with = "fields::nanos")]
    pub raft_read_timeout: Duration,
    /// Time limit for writing to a member; at least 5 s.
    #[serde(deserialize_with = "fields::nanos")]
    pub raft_write_timeout: Duration,
    /// `Name=bool,…`, checked.
    pub feature_gates: String,
    /// Megabytes; 0 is never.
    pub bootstrap_defrag_threshold_megabytes: u64,
    /// Most learners.
    #[serde(deserialize_with = "fields::count")]
    pub max_learners: usize,

    /// Where members reach this one.
    pub initial_advertise_peer_urls: Urls,
    /// `name=url,…`, not yet parsed: it is only looked at when there is no data.
    pub initial_cluster: String,
    /// Start a cluster or join one.
    pub initial_cluster_state: ClusterState,
    /// Part of the ids.
    pub initial_cluster_token: String,
    /// Where clients reach this member.
    pub advertise_client_urls: Urls,
    /// Discovery of all kinds.
    #[serde(skip)]
    pub discovery: Discovery,
    /// Refuse changes that would lose the quorum.
    pub strict_reconfig_check: bool,
    /// Ask before an election.
    pub pre_vote: bool,
    /// Serve the v2 API.
    pub enable_v2: bool,
    /// Duration or revisions, by `auto_compaction_mode`.
    pub auto_compaction_retention: String,
    /// `periodic` or `revision`.
    pub auto_compaction_mode: String,
    /// Without effect.
    pub v2_deprecation: String,

    /// Certificates of the client port.
    #[serde(skip)]
    pub client_tls: ClientTls,
    /// Certificates of the peer port.
    #[serde(skip)]
    pub peer_tls: PeerTls,
    /// Years.
    pub self_signed_cert_validity: u64,
    /// Go's names.
    pub cipher_suites: Vec<String>,
    /// `TLS1.2` or `TLS1.3`.
    pub tls_min_version: String,
    /// The same, or empty.
    pub tls_max_version: String,
    /// URLs, or `*` alone.
    pub cors: Vec<String>,
    /// Host names, or `*`.
    pub host_whitelist: Vec<String>,

    /// `simple`, or `jwt,…`.
    pub auth_token: String,
    /// 4 to 31.
    pub bcrypt_cost: u64,
    /// Life of a simple token.
    #[serde(deserialize_with = "fields::seconds")]
    pub auth_token_ttl: Duration,

    /// Serve profiles.
    pub enable_pprof: bool,
    /// `basic` or `extensive`.
    pub metrics: String,
    /// `zap`.
    pub logger: String,
    /// default, stderr, stdout or paths.
    pub log_outputs: Vec<String>,
    /// Least severe lines to log.
    pub log_level: LogLevel,
    /// Form of a log line.
    pub log_format: LogFormat,
    /// Rotate the one log file.
    pub enable_log_rotation: bool,
    /// How to rotate.
    pub log_rotation_config_json: String,
    /// Warn of slower requests.
    #[serde(deserialize_with = "fields::nanos")]
    pub warning_unary_request_duration: Duration,
    /// OpenTelemetry.
    #[serde(skip)]
    pub tracing: Tracing,

    /// Time between two corruption checks; zero is never.
    #[serde(deserialize_with = "fields::nanos")]
    pub corrupt_check_time: Duration,
    /// Time between two comparisons of compaction hashes.
    #[serde(deserialize_with = "fields::nanos")]
    pub compact_hash_check_time: Duration,
    /// Most revisions in one batch of a compaction.
    #[serde(deserialize_with = "fields::count")]
    pub compaction_batch_limit: usize,
    /// Pause between two batches.
    #[serde(deserialize_with = "fields::nanos")]
    pub compaction_sleep_interval: Duration,
    /// Time between two progress notifications.
    #[serde(deserialize_with = "fields::nanos")]
    pub watch_progress_notify_interval: Duration,
    /// Time between two downgrade checks.
    #[serde(deserialize_with = "fields::nanos")]
    pub downgrade_check_time: Duration,
    /// Warn of entries that take longer.
    #[serde(deserialize_with = "fields::nanos")]
    pub warning_apply_duration: Duration,

    /// Make a cluster of this member alone.
    pub force_new_cluster: bool,
    /// Never wait for the disk.
    pub unsafe_no_fsync: bool,
    /// The v2 proxy.
    #[serde(skip)]
    pub v2_proxy: V2Proxy,
    /// Prefix of emulated v2 keys.
    pub experimental_enable_v2v3: String,

    /// Names of the flags that were set, wherever they were set.
    #[serde(skip)]
    pub explicit: BTreeSet<&'static str>,
}

impl Config {
    /// Whether the flag was set, on the command line, in the environment or in the file.
    pub fn is_set(&self, flag: &str) -> bool {
        self.explicit.contains(flag)
    }

    /// The directory of the log: `--wal-dir`, or `member/wal` below the data directory.
    pub fn wal_path(&self) -> PathBuf {
        self.wal_dir.clone().unwrap_or_else(|| self.data_dir.join("member").join("wal"))
    }

    /// Ticks of one heartbeat each in an election time-out.
    pub fn election_ticks(&self) -> usize {
        let ticks = self.election_timeout.as_millis() / self.heartbeat_interval.as_millis().max(1);
        usize::try_from(ticks).unwrap_or(usize::MAX)
    }
}
