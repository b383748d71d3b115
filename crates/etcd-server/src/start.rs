//! The order of things when a member starts.

mod open;
mod options;

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use etcd_api::{Api, Surface, Workers};
use etcd_bootstrap::{BootstrapError, InitialCluster, ignored_discovery};
use etcd_config::{AutoCompaction, Config};
use etcd_membership::{ClusterId, MemberId};
use etcd_transport::{Identity, Transport};
use etcd_watch::Hub;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::open::{Opened, open_existing, open_new};
use self::options::{
    bcrypt_cost, lease_options, peer_security, raft_options, replica_options, request_timeout,
    transport_options,
};
use crate::adapters::{
    Authority, LeaseParts, Membership, Parts, PeerNode, PeerOutbox, ReplicatedMachine, ServerReplica,
    ServerV2, Surroundings, Tokens,
};
use crate::client_side::{api_options, bind_clients, metrics_detail, serve_options};
use crate::data_dir::DataDir;
use crate::listeners::{ClientPort, PeerPort, SocketOptions, bind_peers};
use crate::log::{self, OpenLog};
use crate::member::{Checks, Member, serve_peers};
use crate::request_id::RequestIds;
use crate::slow_apply::SlowApply;
use crate::start_error::StartError;
use crate::tls::{self, MemberTls};
use crate::traces::Traces;
use crate::waiters::Waiters;
use crate::{API_VERSION, MIN_CLUSTER_VERSION, metrics, process};

/// Most threads for client connections.
const MAX_WORKERS: usize = 8;

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
    let peer_listeners = bind_peers(config.listen_peer_urls.iter(), sockets).await?;
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
    peer: Vec<PeerPort>,
    client: Vec<(Surface, ClientPort)>,
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
        warn!(wal_dir = %paths.wal.display(), "{}", ignored_discovery("token", &paths.wal));
    }
    if !discovery.srv.is_empty() {
        warn!(wal_dir = %paths.wal.display(), "{}", ignored_discovery("domain", &paths.wal));
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
    metrics::register_cluster(&mut registry, replica.clone(), config.gates());
    metrics::register_watch(&mut registry, hub.clone());
    let membership = Membership::new(replica.clone(), transport.clone(), config.strict_reconfig_check);
    let v2 = ServerV2::new(
        config.name.clone(),
        v2_keys,
        raft.clone(),
        transport.clone(),
        membership,
        replica.clone(),
        users,
    );
    let v2_requests = etcd_api::v2::register_metrics(&mut registry, v2.clone());
    let mut api = Api::new(replica.clone(), api_options(config), api_metrics, Arc::new(registry));
    if config.enable_v2 {
        let options = etcd_api::v2::V2Options::default();
        api = api.with_http(etcd_api::v2::router(replica.clone(), v2.clone(), options, v2_requests));
    }
    let traces = Traces::start(&config.tracing)?;
    if let Some(traces) = &traces {
        api = api.with_tracer(traces.tracer());
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
        traces,
        serve_options: serve_options(config, descriptors),
        workers,
    })
}
