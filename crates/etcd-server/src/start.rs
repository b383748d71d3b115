//! The order of things when a member starts.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcd_api::{Api, Surface, Workers};
use etcd_apply::{ClusterState, Machine};
use etcd_auth::password;
use etcd_bootstrap::{BootstrapError, InitialCluster};
use etcd_config::{AutoCompaction, Config};
use etcd_consensus::CoreOptions;
use etcd_membership::{Cluster, ClusterId, MemberId};
use etcd_storage::Storage;
use etcd_transport::{Identity, Security, Transport};
use etcd_watch::Hub;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::adapters::{
    Authority, LeaseOptions, LeaseParts, Parts, PeerNode, PeerOutbox, ReplicaOptions, ReplicatedMachine,
    ServerReplica, ServerV2, Surroundings, Tokens,
};
use crate::client_side::{api_options, bind_clients, metrics_detail, serve_options};
use crate::data_dir::DataDir;
use crate::listeners::{Port, SocketOptions, bind};
use crate::log::{self, OpenLog};
use crate::member::{Checks, Member, serve_peers};
use crate::quota::Quota;
use crate::request_id::RequestIds;
use crate::slow_apply::SlowApply;
use crate::start_error::StartError;
use crate::tls::{self, MemberTls};
use crate::waiters::Waiters;
use crate::{API_VERSION, MIN_CLUSTER_VERSION, metrics, process};

/// Most threads for client connections.
const MAX_WORKERS: usize = 8;

/// What was found or made on disk, before anything runs.
struct Opened {
    storage: Storage,
    machine: Machine,
    log: OpenLog,
    cluster: ClusterState,
    /// Whom to connect to at first.
    initial: Cluster,
    /// Whether this member has taken part in its cluster before.
    has_worked: bool,
}

pub(crate) async fn start(config: &Config) -> Result<Member, StartError> {
    let descriptors = process::client_descriptors()?;
    let paths = DataDir::locate(&config.data_dir, config.wal_dir.as_deref());
    let restarts = log::exists(&paths.wal)?;
    if restarts {
        say_what_is_ignored(config, &paths);
    }
    // The initial cluster comes first: its mistakes are the operator's most likely ones.
    let initial = if restarts { None } else { Some(resolve(config).await?) };
    config.check_listeners()?;
    let tokens = Tokens::of(config)?;
    let tls = MemberTls::load(config, !restarts)?;
    let sockets = SocketOptions { reuse_port: config.socket_reuse_port };
    let peer_listeners = bind(config.listen_peer_urls.iter(), sockets).await?;
    let client_listeners = bind_clients(config, sockets).await?;
    paths.prepare()?;
    let opened = match initial {
        Some(initial) => open_new(config, &paths, initial)?,
        None => open_existing(config, &paths).await?,
    };
    let ports = Ports { peer: peer_listeners, client: client_listeners, tls };
    run(config, paths, opened, tokens, ports, descriptors).await
}

/// The ports, open, and what is spoken on them.
struct Ports {
    peer: Vec<Port>,
    client: Vec<(Surface, Port)>,
    tls: MemberTls,
}

async fn resolve(config: &Config) -> Result<InitialCluster, StartError> {
    // Certificates that cannot be used are no reason to keep silent about the cluster's mistakes; they are one not to
    // reach anybody.
    let questions = tls::for_questions(config);
    let resolved = crate::adapters::resolve_initial_cluster(config, questions.as_ref().ok().cloned()).await;
    let initial = match (resolved, questions) {
        (Err(StartError::Bootstrap(BootstrapError::Unreachable { .. })), Err(error)) => {
            return Err(error.into());
        }
        (resolved, _) => resolved?,
    };
    info!(
        member_id = %initial.local_id,
        cluster_id = %initial.cluster_id,
        initial_cluster = names(&initial),
        "resolved the initial cluster"
    );
    Ok(initial)
}

/// A member with a log needs no discovery; the guide says so with this warning.
fn say_what_is_ignored(config: &Config, paths: &DataDir) {
    let discovery = &config.discovery;
    if !discovery.url.is_empty() || !discovery.endpoints.is_empty() {
        warn!(wal_dir = %paths.wal.display(), "{}", etcd_bootstrap::ignored_discovery(&paths.wal));
    }
}

/// `name=url,…`, as `--initial-cluster` would have it.
fn names(initial: &InitialCluster) -> String {
    let pair = |member: &etcd_membership::Member| {
        let pairs: Vec<_> = member.peer_urls.iter().map(|url| format!("{}={url}", member.name)).collect();
        pairs.join(",")
    };
    initial.members.iter().map(pair).collect::<Vec<_>>().join(",")
}

fn open_new(config: &Config, paths: &DataDir, initial: InitialCluster) -> Result<Opened, StartError> {
    let cluster = ClusterState::new(Cluster::new(initial.cluster_id, []));
    let (storage, machine) = open_machine(config, paths, &cluster)?;
    let log = log::begin(&paths.wal, wal_options(config), &initial)?;
    let initial = Cluster::new(initial.cluster_id, initial.members);
    Ok(Opened { storage, machine, log, cluster, initial, has_worked: false })
}

async fn open_existing(config: &Config, paths: &DataDir) -> Result<Opened, StartError> {
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

fn wal_options(config: &Config) -> etcd_wal::Options {
    etcd_wal::Options {
        no_sync: config.unsafe_no_fsync,
        max_wals: usize::try_from(config.max_wals).unwrap_or(usize::MAX),
        ..etcd_wal::Options::default()
    }
}

async fn run(
    config: &Config,
    paths: DataDir,
    opened: Opened,
    tokens: Tokens,
    ports: Ports,
    descriptors: usize,
) -> Result<Member, StartError> {
    let Opened { storage, machine, log, cluster, initial, has_worked } = opened;
    let OpenLog { wal, recovered, metadata } = log;
    let id = MemberId::new(metadata.node_id);
    let cluster_id = ClusterId::new(metadata.cluster_id);
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let started_ms = u64::try_from(started.as_millis()).unwrap_or_default();

    let ids = Arc::new(RequestIds::new(id, started_ms));
    let slow_apply = Arc::new(SlowApply::new(config.warning_apply_duration));
    let waiters = Arc::new(Waiters::new());
    let late_transport = Arc::new(OnceLock::new());
    let (mismatch, mismatch_seen) = watch::channel(None);
    let mismatch = Arc::new(mismatch);
    let store = machine.store().clone();
    let users = machine.auth().clone();
    let takes_common_names = config.client_tls.client_cert_auth;
    let authority = Authority::new(users.clone(), tokens, bcrypt_cost(config), takes_common_names);
    let authority = Arc::new(authority);
    let (alarms, downgrade) = (machine.alarms().clone(), machine.downgrade().clone());
    let v2_keys = machine.v2().clone();
    let leases = machine.leases().clone();
    let leases_changed = Arc::new(Notify::new());
    let hub = Hub::start(store.clone(), etcd_watch::Options::default())?;
    let machine = ReplicatedMachine::new(
        machine,
        storage.clone(),
        Surroundings {
            local: id,
            data_dir: paths.clone(),
            cluster: cluster.clone(),
            authority: Arc::clone(&authority),
            ids: Arc::clone(&ids),
            slow_apply: Arc::clone(&slow_apply),
            waiters: Arc::clone(&waiters),
            transport: Arc::clone(&late_transport),
            mismatch: Arc::clone(&mismatch),
            leases_changed: Arc::clone(&leases_changed),
        },
    );
    let outbox = Arc::new(PeerOutbox::new(Arc::clone(&late_transport)));
    let raft = etcd_consensus::start(raft_options(config, id, started_ms), recovered, wal, machine, outbox)?;

    let mut registry = Registry::default();
    let identity = Identity {
        member: id,
        cluster: cluster_id,
        server_version: API_VERSION.to_owned(),
        min_cluster_version: MIN_CLUSTER_VERSION.to_owned(),
        peer_urls: config.initial_advertise_peer_urls.to_strings(),
    };
    let initial_members = initial.members().cloned().collect();
    let node = Arc::new(PeerNode::new(raft.clone(), cluster.clone(), initial_members, paths, mismatch));
    let transport = Transport::new(identity, node, transport_options(config, &ports.tls), &mut registry);
    for member in initial.members().filter(|member| member.id != id) {
        transport.add_peer(member.id, &member.peer_urls)?;
    }
    // Raft has run without peers until now, at most for a moment.
    let _first = late_transport.set(transport.clone());
    let replica = ServerReplica::new(
        Parts {
            cluster_id,
            member_id: id,
            raft: raft.clone(),
            store: store.clone(),
            hub: hub.clone(),
            storage: storage.clone(),
            cluster: cluster.clone(),
            authority,
            alarms,
            downgrade,
            waiters: Arc::clone(&waiters),
            ids,
            leases: LeaseParts::new(leases, leases_changed, transport.lease_client(), lease_options(config)),
        },
        replica_options(config),
    );
    let peer_drain = CancellationToken::new();
    let security = peer_security(config, &ports.tls);
    let peer_tasks = serve_peers(ports.peer, &security, &transport, replica.clone(), &peer_drain);
    let api_metrics = etcd_api::metrics::Metrics::register_as(&mut registry, metrics_detail(config));
    etcd_api::metrics::register_member(&mut registry, replica.clone());
    etcd_api::metrics::register_process(&mut registry);
    tls::register(&mut registry, ports.tls.clone());
    metrics::register(&mut registry, raft.clone(), store, storage.clone(), users.clone(), slow_apply);
    metrics::register_leases(&mut registry, replica.clone());
    metrics::register_watch(&mut registry, hub.clone());
    let v2 = ServerV2::new(config.name.clone(), v2_keys, raft.clone(), replica.clone(), users);
    let v2_requests = etcd_api::v2::register_metrics(&mut registry, v2.clone());
    let mut api = Api::new(replica.clone(), api_options(config), api_metrics, Arc::new(registry));
    if config.enable_v2 {
        let options = etcd_api::v2::V2Options::default();
        api = api.with_http(etcd_api::v2::router(replica.clone(), v2.clone(), options, v2_requests));
    }
    // The other half of the cores is for Raft, log, state machine and peers.
    let workers = Workers::start((process::cores() / 2).clamp(1, MAX_WORKERS))?;

    Ok(Member {
        name: config.name.clone(),
        id,
        cluster_id,
        client_urls: config.advertise_client_urls.to_strings(),
        initial,
        has_worked,
        fast_forward: config.initial_election_tick_advance,
        election_timeout: config.election_timeout,
        downgrade_check_time: config.downgrade_check_time,
        checks: Checks {
            initial: config.has_gate("InitialCorruptCheck"),
            interval: config.corrupt_check_time,
            compactions: config.has_gate("CompactHashCheck").then_some(config.compact_hash_check_time),
            patience: request_timeout(config),
        },
        // Checked with the rest of the configuration.
        auto_compaction: config.auto_compaction().unwrap_or(AutoCompaction::Off),
        raft,
        replica,
        cluster,
        hub,
        storage,
        transport,
        waiters,
        mismatch: mismatch_seen,
        client_ports: ports.client,
        tls: ports.tls,
        peer_tasks,
        peer_drain,
        v2,
        api,
        serve_options: serve_options(config, descriptors),
        workers,
    })
}

/// etcd takes the default for a cost that bcrypt does not know.
fn bcrypt_cost(config: &Config) -> u32 {
    let given = u32::try_from(config.bcrypt_cost).unwrap_or(u32::MAX);
    if (password::MIN_COST..=password::MAX_COST).contains(&given) {
        return given;
    }
    warn!(given, used = password::DEFAULT_COST, "--bcrypt-cost must be 4 to 31; the default is used");
    password::DEFAULT_COST
}

fn raft_options(config: &Config, id: MemberId, started_ms: u64) -> etcd_consensus::Options {
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

fn peer_security(config: &Config, tls: &MemberTls) -> Security {
    Security::Tls {
        acceptor: tls.peer_acceptor(),
        check_addresses: !config.peer_tls.skip_client_san_verification,
    }
}

fn transport_options(config: &Config, tls: &MemberTls) -> etcd_transport::Options {
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

fn replica_options(config: &Config) -> ReplicaOptions {
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
fn lease_rules(config: &Config) -> etcd_lease::Options {
    /// Source: etcd `server/lease/lessor.go` `defaultLeaseCheckpointInterval`.
    const CHECKPOINTS: Duration = Duration::from_secs(300);
    let mut rules = etcd_lease::Options::default();
    rules.min_ttl = min_lease_ttl(config);
    // Checkpoints are always stored, as by etcd 3.6 and later, so that LeaseCheckpointPersist has nothing to add.
    rules.checkpoint_interval = config.has_gate("LeaseCheckpoint").then_some(CHECKPOINTS);
    rules.retry = request_timeout(config);
    rules
}

fn lease_options(config: &Config) -> LeaseOptions {
    LeaseOptions {
        min_ttl: min_lease_ttl(config),
        extend: config.election_timeout,
        fast_keep_alive: config.has_gate("FastLeaseKeepAlive"),
    }
}

/// Source: etcd `server/config/config.go` `ReqTimeout`.
fn request_timeout(config: &Config) -> Duration {
    Duration::from_secs(5) + 2 * config.election_timeout
}
