//! One member: brought up, kept up, taken down.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use etcd_api::{Api, ServeOptions, Surface, Workers};
use etcd_apply::{ClusterState, Outcome};
use etcd_config::{AutoCompaction, Config};
use etcd_consensus::Raft;
use etcd_membership::{Cluster, ClusterId, MemberId};
use etcd_storage::Storage;
use etcd_transport::{Limits, PeerClient, Security, Transport};
use etcd_watch::Hub;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use crate::adapters::{Mismatch, ServerReplica, ServerV2};
use crate::listeners::{ClientPort, PeerPort};
use crate::start_error::StartError;
use crate::tls::MemberTls;
use crate::traces::Traces;
use crate::waiters::Waiters;
use crate::{peer_port, process, start, tasks};

/// How long a leader that stops may take to hand over.
const HANDOVER: Duration = Duration::from_secs(2);

/// A member that runs.
pub struct Member {
    pub(crate) name: String,
    pub(crate) id: MemberId,
    pub(crate) cluster_id: ClusterId,
    pub(crate) client_urls: Vec<String>,
    pub(crate) initial: Cluster,
    pub(crate) has_worked: bool,
    pub(crate) fast_forward: bool,
    pub(crate) election_timeout: Duration,
    pub(crate) downgrade_check_time: Duration,
    pub(crate) auto_compaction: AutoCompaction,
    pub(crate) checks: Checks,
    pub(crate) raft: Raft,
    pub(crate) replica: ServerReplica,
    pub(crate) cluster: ClusterState,
    pub(crate) hub: Hub,
    pub(crate) storage: Storage,
    pub(crate) transport: Transport,
    pub(crate) waiters: Arc<Waiters<Outcome>>,
    pub(crate) mismatch: watch::Receiver<Option<Mismatch>>,
    pub(crate) client_ports: Vec<(Surface, ClientPort)>,
    pub(crate) tls: MemberTls,
    pub(crate) peer_tasks: JoinSet<()>,
    pub(crate) peer_drain: CancellationToken,
    pub(crate) v2: ServerV2,
    pub(crate) api: Api<ServerReplica>,
    pub(crate) traces: Option<Traces>,
    pub(crate) serve_options: ServeOptions,
    pub(crate) workers: Workers,
}

/// When a member compares its data with the others'.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checks {
    /// Before it serves: the gate `InitialCorruptCheck`.
    pub(crate) initial: bool,
    /// `--corrupt-check-time`; zero is never.
    pub(crate) interval: Duration,
    /// `--compact-hash-check-time`, with the gate `CompactHashCheck`.
    pub(crate) compactions: Option<Duration>,
    /// How long a peer may take to answer.
    pub(crate) patience: Duration,
}

/// How a member ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop, and everything is closed.
    Stopped,
    /// Its cluster has removed it.
    Removed,
    /// A part of it failed; one line for the operator.
    Failed(String),
}

impl Member {
    /// Brings a member up as far as it can get alone: Raft runs and the peer port is open. It serves clients once
    /// its cluster has a leader, in [`Member::run`].
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        start::start(config).await
    }

    /// This member's id.
    pub fn id(&self) -> MemberId {
        self.id
    }

    /// Its cluster's id.
    pub fn cluster_id(&self) -> ClusterId {
        self.cluster_id
    }

    /// Serves until `shutdown` is ready or a part of the member fails, then takes it down.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Ended {
        let _certificates = AbortOnDropHandle::new(tokio::spawn(tasks::keep_certificates(self.tls.clone())));
        let mut serving = JoinSet::new();
        let drain = CancellationToken::new();
        let ended = {
            let mut shutdown = std::pin::pin!(shutdown);
            let mut failure = std::pin::pin!(failed(
                self.mismatch.clone(),
                self.raft.clone(),
                self.initial.clone(),
                self.has_worked,
                self.election_timeout,
            ));
            let joined = tokio::select! {
                () = &mut shutdown => Err(Ended::Stopped),
                ended = &mut failure => Err(ended),
                joined = self.join() => joined,
            };
            match joined {
                Err(ended) => ended,
                Ok(()) => 'serve: {
                    if self.checks.initial
                        && let Err(reason) = self.checker().check_before_serving().await
                    {
                        break 'serve Ended::Failed(reason);
                    }
                    self.serve(&mut serving, &drain);
                    // Ends with this block.
                    let _duties = self.duties();
                    tokio::select! {
                        () = &mut shutdown => Ended::Stopped,
                        ended = &mut failure => ended,
                        never = tasks::expire_v2_keys(self.raft.clone(), self.v2.clone()) => match never {},
                        () = self.keep_cluster_version() => Ended::Failed("the raft thread is gone".to_owned()),
                        never = tasks::keep_leases(&self.raft, &self.replica) => match never {},
                    }
                }
            }
        };
        self.stop(serving, &drain, ended == Ended::Stopped).await;
        ended
    }

    /// Waits until this member has taken part in its cluster.
    async fn join(&self) -> Result<(), Ended> {
        tokio::select! {
            published = tasks::publish(&self.replica, self.id, &self.name, &self.client_urls) => {
                published.map_err(|error| Ended::Failed(error.to_string()))
            }
            never = self.wait_visibly() => match never {},
        }
    }

    /// What a member does while it has no leader.
    async fn wait_visibly(&self) -> Infallible {
        if self.fast_forward {
            tasks::fast_forward(&self.raft, &self.transport, &self.initial).await;
        }
        tasks::report_waiting(&self.transport, &self.initial, self.id).await
    }

    fn serve(&mut self, serving: &mut JoinSet<()>, drain: &CancellationToken) {
        let acceptor = self.tls.client_acceptor(self.serve_options.max_connections);
        for (surface, ClientPort { listener, is_tls, address, file }) in self.client_ports.drain(..) {
            let (api, mut options) = (self.api.on(surface), self.serve_options.clone());
            options.tls = acceptor.clone().filter(|_| is_tls);
            let (workers, drain) = (self.workers.clone(), drain.clone());
            serving.spawn(async move {
                etcd_api::serve(listener, api, options, &workers, drain).await;
                drop(file);
            });
            if surface == Surface::Metrics {
                info!(address, "serving metrics");
            } else if is_tls {
                info!(address, "serving client traffic securely");
            } else {
                info!(
                    address,
                    "serving client traffic insecurely; this is strongly discouraged outside of a trusted network"
                );
            }
        }
        info!(member_id = %self.id, cluster_id = %self.cluster_id, "ready to serve client requests");
        process::notify_ready();
    }

    /// What a member does beside answering, until the set is dropped.
    fn duties(&self) -> JoinSet<Infallible> {
        let mut duties = JoinSet::new();
        duties.spawn(tasks::watch_space(self.replica.clone()));
        duties.spawn(tasks::compact_automatically(self.auto_compaction, self.replica.clone()));
        if !self.checks.interval.is_zero() {
            duties.spawn(self.checker().check_periodically(self.checks.interval));
        }
        if let Some(interval) = self.checks.compactions {
            duties.spawn(self.checker().check_compactions(interval));
        }
        if !self.downgrade_check_time.is_zero() {
            let (raft, replica, cluster) = (self.raft.clone(), self.replica.clone(), self.cluster.clone());
            let (interval, client) = (self.downgrade_check_time, self.peer_client());
            duties.spawn(tasks::end_downgrade(interval, raft, replica, cluster, client, self.id));
        }
        duties
    }

    fn checker(&self) -> tasks::Checker {
        tasks::Checker {
            replica: self.replica.clone(),
            cluster: self.cluster.clone(),
            client: self.peer_client(),
            local: self.id,
            patience: self.checks.patience,
        }
    }

    /// Asks other members, with this member's certificates.
    fn peer_client(&self) -> PeerClient {
        PeerClient::new(Some(self.tls.peer()))
    }

    async fn keep_cluster_version(&self) {
        let (raft, replica, cluster) = (self.raft.clone(), self.replica.clone(), self.cluster.clone());
        tasks::keep_cluster_version(raft, replica, cluster, self.peer_client(), self.id).await;
    }

    /// Clients first, then the leadership, then everything else; the database last.
    async fn stop(mut self, mut serving: JoinSet<()>, drain: &CancellationToken, orderly: bool) {
        if orderly {
            self.hand_over().await;
        }
        self.api.set_serving(false).await;
        // Watch streams do not end by themselves.
        self.hub.close();
        drain.cancel();
        self.api.close_streams();
        self.v2.keys().end_watches();
        self.client_ports.clear();
        while serving.join_next().await.is_some() {}
        if let Some(traces) = self.traces.take() {
            traces.stop().await;
        }
        self.peer_drain.cancel();
        self.stop_raft().await;
        self.waiters.abandon();
        self.transport.stop().await;
        while self.peer_tasks.join_next().await.is_some() {}
        if let Err(error) = self.storage.close() {
            error!(%error, "the database was not closed in order; the log will make up for it");
        }
        info!(member_id = %self.id, "stopped etcd");
    }

    async fn stop_raft(&self) {
        let raft = self.raft.clone();
        if tokio::task::spawn_blocking(move || raft.stop()).await.is_err() {
            error!("the raft threads did not end in order");
        }
    }

    /// A leader gives its place to another voter, so that the cluster need not find out that it is gone.
    async fn hand_over(&self) {
        if self.raft.status().leader != self.id.get() {
            return;
        }
        let Some(successor) = self.successor().await else { return };
        if let Err(error) = self.raft.transfer_leader(successor.get()).await {
            warn!(to = %successor, %error, "cannot hand over leadership");
            return;
        }
        let mut leader = self.raft.leadership();
        let gone = leader.wait_for(|leadership| leadership.leader != self.id.get() && leadership.leader != 0);
        match tokio::time::timeout(HANDOVER, gone).await {
            Ok(Ok(_)) => info!(to = %successor, "handed over leadership"),
            _ => warn!(to = %successor, "leadership was not taken over in time"),
        }
    }

    /// The voter that has most of the log, rather of those that answer: right after the leader has counted them anew,
    /// none has answered yet.
    async fn successor(&self) -> Option<MemberId> {
        let progress = self.raft.progress().await?;
        let cluster = self.cluster.get();
        progress
            .into_iter()
            .filter(|member| member.id != self.id.get())
            .filter(|member| cluster.voters().any(|voter| voter.id.get() == member.id))
            .max_by_key(|member| (member.active, member.matched))
            .map(|member| MemberId::new(member.id))
    }
}

/// Ready when the member cannot go on.
async fn failed(
    mismatch: watch::Receiver<Option<Mismatch>>,
    raft: Raft,
    initial: Cluster,
    has_worked: bool,
    election_timeout: Duration,
) -> Ended {
    let mut stopped = raft.stopped();
    tokio::select! {
        ended = tasks::judge_mismatch(mismatch, raft, initial, has_worked, election_timeout) => ended,
        reason = stopped.wait_for(Option::is_some) => {
            let reason = reason.ok().and_then(|reason| reason.as_deref().map(str::to_owned));
            Ended::Failed(reason.unwrap_or_else(|| "the raft thread is gone".to_owned()))
        }
    }
}

/// Ends the peer port's tasks with the token.
pub(crate) fn serve_peers(
    ports: Vec<PeerPort>,
    security: &Security,
    transport: &Transport,
    replica: ServerReplica,
    drain: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let router = transport.router().merge(peer_port::router(replica.clone()));
    let router = router.merge(etcd_transport::lease_routes(Arc::new(replica)));
    for PeerPort { listener, is_tls } in ports {
        let drain = drain.clone().cancelled_owned();
        let security = if is_tls { security.clone() } else { Security::Plain };
        tasks.spawn(etcd_transport::serve(listener, router.clone(), security, Limits::default(), drain));
    }
    tasks
}
