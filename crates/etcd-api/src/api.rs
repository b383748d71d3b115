//! The API of one member: where every request of the client port arrives.

mod inflight;
mod surface;

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use etcd_proto::etcdserverpb::{
    AlarmRequest, CompactionRequest, DefragmentRequest, DeleteRangeRequest, DowngradeRequest, HashKvRequest,
    HashRequest, LeaseGrantRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest,
    MemberListRequest, MoveLeaderRequest, PutRequest, ResponseHeader, StatusRequest, TxnRequest,
};
use http::{Extensions, HeaderMap, Request, Response};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_health::server::HealthReporter;
use tower::ServiceExt as _;

use crate::auth::{self, CommonName, Credentials};
use crate::grpc::{self, Admission, Body, Rpc, SlowLog, StreamCount};
use crate::http::Access;
use crate::metrics::Metrics;
use crate::range::Streamed;
use crate::serve::Remote;
use crate::snapshot::Saved;
use crate::trace::{Traced, Tracer};
use crate::{Error, Replica, WatchStream, election, http as plain, lease, lock, watch};

pub(crate) use inflight::{Inflight, Reserved};
pub use surface::Surface;

/// Snapshots that are sent to clients at the same time.
const MAX_SNAPSHOTS: usize = 4;

/// What a request may be, and how long it may take.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// `--max-request-bytes`; gRPC messages may be 512 KiB larger, for what surrounds a value.
    pub max_request_bytes: usize,
    /// `--max-txn-ops`.
    pub max_txn_ops: usize,
    /// `--warning-unary-request-duration`; zero turns the log of slow calls off.
    pub warning_unary_request_duration: Duration,
    /// How long `/health` waits for its read.
    pub health_timeout: Duration,
    /// How long a client may take to send a request.
    pub request_read_timeout: Duration,
    /// `--watch-progress-notify-interval`: how often a watcher that wants it is told that there was nothing for it.
    pub watch_progress_interval: Duration,
    /// `--election-timeout`: streams that need a leader end after three of these without one.
    pub election_timeout: Duration,
    /// Bytes of requests above 64 KiB that may be held at once, over all connections.
    pub max_inflight_bytes: usize,
    /// `--enable-grpc-gateway`: whether `/v3/…` answers JSON.
    pub gateway: bool,
    /// `--cors`: origins that browsers may call from; `*` for all.
    pub cors: Vec<String>,
    /// `--host-whitelist`: hosts that HTTP requests without TLS may ask for; `*` for all.
    pub host_whitelist: Vec<String>,
    /// How the process was started, as `/debug/vars` shows it. Without secrets.
    pub command_line: Vec<String>,
}

impl Default for Options {
    /// etcd's defaults where it has one.
    fn default() -> Self {
        Self {
            max_request_bytes: 3 << 19,
            max_txn_ops: 128,
            warning_unary_request_duration: Duration::from_millis(300),
            health_timeout: Duration::from_secs(7),
            request_read_timeout: Duration::from_secs(30),
            watch_progress_interval: Duration::from_secs(10 * 60),
            election_timeout: Duration::from_secs(1),
            max_inflight_bytes: 512 << 20,
            gateway: true,
            cors: vec!["*".to_owned()],
            host_whitelist: vec!["*".to_owned()],
            command_line: Vec::new(),
        }
    }
}

impl Options {
    /// What gRPC itself accepts.
    pub(crate) const fn receive_limit(&self) -> usize {
        self.max_request_bytes + (512 << 10)
    }
}

/// Answers every request of the client port. A cheap handle.
pub struct Api<R> {
    shared: Arc<Shared<R>>,
    /// gRPC services that tonic serves.
    streams: Router,
    /// HTTP.
    http: Router,
    surface: Surface,
    is_encrypted: bool,
    health: HealthReporter,
    tracer: Option<Arc<dyn Tracer>>,
}

impl<R> Clone for Api<R> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            streams: self.streams.clone(),
            http: self.http.clone(),
            surface: self.surface,
            is_encrypted: self.is_encrypted,
            health: self.health.clone(),
            tracer: self.tracer.clone(),
        }
    }
}

impl<R: Replica> Api<R> {
    /// The API of `replica`, counted by `metrics`; `registry` is what `/metrics` shows.
    pub fn new(replica: R, options: Options, metrics: Metrics, registry: Arc<Registry>) -> Self {
        let (reporter, health) = tonic_health::server::health_reporter();
        let access = Access::new(&options.cors, &options.host_whitelist);
        let slow = SlowLog::new(options.warning_unary_request_duration);
        let inflight = Inflight::new(options.max_inflight_bytes);
        let closing = CancellationToken::new();
        let snapshots = Arc::new(Semaphore::new(MAX_SNAPSHOTS));
        let common =
            Arc::new(Common { options, metrics, registry, slow, inflight, access, snapshots, closing });
        let shared = Arc::new(Shared { replica, common, needs_leader: false });
        let streams = tonic::service::Routes::new(health).prepare().into_axum_router();
        let http = plain::router(Arc::clone(&shared));
        Self {
            shared,
            streams,
            http,
            surface: Surface::All,
            is_encrypted: false,
            health: reporter,
            tracer: None,
        }
    }

    /// Opens a watch stream that does not come over the network, on behalf of a call with these headers: the same rules
    /// hold for it. Needs a Tokio runtime.
    ///
    /// # Errors
    /// The call is not admitted.
    pub fn watch(&self, headers: &HeaderMap) -> Result<WatchStream<R>, Error> {
        match Credentials::of(headers, &Extensions::new()) {
            Some(credentials) => watch::open(&self.acting_for(credentials).shared, headers),
            None => watch::open(&self.shared, headers),
        }
    }

    /// Tells `tracer` of each gRPC call, those of the JSON gateway included.
    #[must_use]
    pub fn with_tracer(mut self, tracer: Arc<dyn Tracer>) -> Self {
        self.tracer = Some(tracer);
        self
    }

    /// Serves these paths too. Panics when one of them is served already.
    #[must_use]
    pub fn with_http(mut self, more: Router) -> Self {
        self.http = self.http.merge(more);
        self
    }

    /// Ends every stream, with `etcdserver: server stopped`: they would not end by themselves when connections drain.
    pub fn close_streams(&self) {
        self.shared.closing.cancel();
    }

    /// Answers one request.
    ///
    /// What can be decided at once is decided outside the future, which stays small that way.
    pub(crate) fn respond<B>(
        &self,
        request: Request<B>,
        remote: Remote,
    ) -> impl Future<Output = Response<Body>> + Send + use<R, B>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let traced = if grpc::is_call(&request) { self.trace(&request) } else { None };
        let work = self.admit(request, remote);
        async move { with_trace(work.answer(remote).await, traced) }
    }

    /// The gRPC call of a request that has been let in already.
    pub(crate) async fn call(&self, request: Request<axum::body::Body>, remote: Remote) -> Response<Body> {
        let traced = self.trace(&request);
        with_trace(self.sort(request).answer(remote).await, traced)
    }

    fn trace<B>(&self, request: &Request<B>) -> Option<Box<Traced>> {
        let span = self.tracer.as_ref()?.begin(request.uri().path(), request.headers())?;
        Some(Traced::new(span))
    }

    /// Finds who answers a gRPC call.
    fn sort<B>(&self, request: Request<B>) -> Work<R, B>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if !grpc::is_post(&request) {
            return Work::Refused(Status::internal("grpc: only POST is a gRPC call"));
        }
        let acting;
        let this = match Credentials::of(request.headers(), request.extensions()) {
            Some(credentials) => {
                acting = self.acting_for(credentials);
                &acting
            }
            None => self,
        };
        match Rpc::of_path(request.uri().path()) {
            Some(rpc) if rpc.is_direct() => {
                let (parts, body) = request.into_parts();
                Work::Direct { api: Arc::clone(&this.shared), rpc, headers: parts.headers, body }
            }
            Some(Rpc::Watch) => {
                let (parts, body) = request.into_parts();
                let answer = watch::answer(&this.shared, &parts.headers, body);
                Work::Elsewhere(Box::pin(std::future::ready(answer)))
            }
            Some(rpc) => {
                let api = this.clone();
                Work::Elsewhere(Box::pin(async move { api.respond_elsewhere(rpc, request).await }))
            }
            None => Work::Refused(unknown(request.uri().path())),
        }
    }

    /// Whether the client has shown a certificate that would say who it is if it spoke gRPC. Through the gateway it
    /// does not.
    pub(crate) fn ignores_common_name(&self, extensions: &Extensions) -> bool {
        extensions.get::<CommonName>().is_some_and(|name| !name.0.is_empty())
            && self.shared.replica.takes_common_names()
            && self.shared.replica.auth_enabled()
    }

    /// The same API for the calls of one client.
    fn acting_for(&self, credentials: Credentials) -> Self {
        let replica = self.shared.replica.acting_for(credentials);
        let shared = Shared { replica, common: Arc::clone(&self.shared.common), needs_leader: false };
        Self {
            shared: Arc::new(shared),
            streams: self.streams.clone(),
            http: self.http.clone(),
            surface: self.surface,
            is_encrypted: self.is_encrypted,
            health: self.health.clone(),
            tracer: self.tracer.clone(),
        }
    }

    /// Answers a call that is served by tonic, or not at all.
    async fn respond_elsewhere<B>(&self, rpc: Rpc, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut handled = self.shared.metrics.rpcs().start(rpc);
        let standing = self.shared.replica.standing();
        let call = Admission {
            headers: request.headers(),
            standing,
            for_learner: rpc == Rpc::Snapshot,
            is_stream: rpc.is_stream(),
        };
        let refusal = match grpc::admit(&call, &self.shared.metrics) {
            Err(error) => Some(error),
            Ok(()) => rpc.not_served(),
        };
        let refusal = match refusal {
            None => self.shared.replica.permit(rpc.access()).await.err(),
            refused => refused,
        };
        if let Some(status) = refusal.map(Status::from) {
            handled.done(status.code());
            return status.into_http();
        }
        if rpc == Rpc::LeaseKeepAlive {
            handled.hand_over();
            let count = StreamCount::new(self.shared.metrics.clone(), rpc);
            return lease::keep_alives(Arc::clone(&self.shared), count, request).await;
        }
        let response = route(self.streams.clone(), request).await;
        let code = response.headers().get("grpc-status").map_or(Code::Ok, |v| Code::from_bytes(v.as_bytes()));
        handled.done(code);
        response
    }
}

/// How a request is answered.
enum Work<R, B> {
    /// A unary call of etcd's own.
    Direct {
        api: Arc<Shared<R>>,
        rpc: Rpc,
        headers: HeaderMap,
        body: B,
    },
    /// By a router.
    Elsewhere(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
    Refused(Status),
}

impl<R, B> Work<R, B>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    async fn answer(self, remote: Remote) -> Response<Body> {
        match self {
            Self::Direct { api, rpc, headers, mut body } => {
                direct(&api, rpc, &headers, &mut body, remote).await
            }
            Self::Elsewhere(answer) => answer.await,
            Self::Refused(status) => status.into_http(),
        }
    }
}

/// The span ends with the answer.
fn with_trace(answer: Response<Body>, traced: Option<Box<Traced>>) -> Response<Body> {
    let Some(mut traced) = traced else { return answer };
    traced.note(answer.headers());
    answer.map(|body| body.traced(traced))
}

async fn direct<R, B>(
    api: &Arc<Shared<R>>,
    rpc: Rpc,
    headers: &HeaderMap,
    body: &mut B,
    remote: Remote,
) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    match rpc {
        Rpc::Range => grpc::answer_range(api, headers, body, remote).await,
        Rpc::RangeStream => grpc::answer_stream::<R, Streamed, B>(api, headers, body).await,
        Rpc::Put => grpc::answer::<R, PutRequest, B>(api, headers, body, remote).await,
        Rpc::DeleteRange => grpc::answer::<R, DeleteRangeRequest, B>(api, headers, body, remote).await,
        Rpc::Txn => grpc::answer::<R, TxnRequest, B>(api, headers, body, remote).await,
        Rpc::Compact => grpc::answer::<R, CompactionRequest, B>(api, headers, body, remote).await,
        Rpc::LeaseGrant => grpc::answer::<R, LeaseGrantRequest, B>(api, headers, body, remote).await,
        Rpc::LeaseRevoke => grpc::answer::<R, LeaseRevokeRequest, B>(api, headers, body, remote).await,
        Rpc::LeaseTimeToLive => {
            grpc::answer::<R, LeaseTimeToLiveRequest, B>(api, headers, body, remote).await
        }
        Rpc::LeaseLeases => grpc::answer::<R, LeaseLeasesRequest, B>(api, headers, body, remote).await,
        Rpc::MemberList => grpc::answer::<R, MemberListRequest, B>(api, headers, body, remote).await,
        Rpc::Alarm => grpc::answer::<R, AlarmRequest, B>(api, headers, body, remote).await,
        Rpc::Status => grpc::answer::<R, StatusRequest, B>(api, headers, body, remote).await,
        Rpc::Defragment => grpc::answer::<R, DefragmentRequest, B>(api, headers, body, remote).await,
        Rpc::Hash => grpc::answer::<R, HashRequest, B>(api, headers, body, remote).await,
        Rpc::Snapshot => grpc::answer_stream::<R, Saved, B>(api, headers, body).await,
        Rpc::MoveLeader => grpc::answer::<R, MoveLeaderRequest, B>(api, headers, body, remote).await,
        Rpc::Downgrade => grpc::answer::<R, DowngradeRequest, B>(api, headers, body, remote).await,
        Rpc::HashKv => grpc::answer::<R, HashKvRequest, B>(api, headers, body, remote).await,
        Rpc::Lock | Rpc::Unlock => Box::pin(lock::direct(api, rpc, headers, body, remote)).await,
        Rpc::Campaign | Rpc::Proclaim | Rpc::Leader | Rpc::Observe | Rpc::Resign => {
            Box::pin(election::direct(api, rpc, headers, body, remote)).await
        }
        // Boxed: rare, and no call should be larger for it.
        _ => Box::pin(auth::direct(api, rpc, headers, body, remote)).await,
    }
}

async fn route<B>(router: Router, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let Ok(response) = router.oneshot(request.map(axum::body::Body::new)).await;
    response.map(Body::http)
}

/// grpc-go's words for a call that nobody serves.
pub(crate) fn unknown(path: &str) -> Status {
    match path.strip_prefix('/').and_then(|path| path.rsplit_once('/')) {
        Some((service, method)) if Rpc::ALL.iter().any(|rpc| rpc.labels()[1] == service) => {
            Status::unimplemented(format!("unknown method {method} for service {service}"))
        }
        Some((service, _)) => Status::unimplemented(format!("unknown service {service}")),
        None => Status::unimplemented(format!("malformed method name: {path:?}")),
    }
}

/// What every call uses.
pub(crate) struct Shared<R> {
    /// Acts for whoever makes the call.
    pub(crate) replica: R,
    common: Arc<Common>,
    /// Whether a wait of the call ends when there is no leader.
    pub(crate) needs_leader: bool,
}

/// What is the same for everybody.
pub(crate) struct Common {
    pub(crate) options: Options,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Arc<Registry>,
    pub(crate) slow: SlowLog,
    pub(crate) inflight: Inflight,
    /// Snapshots that may be sent at once: each keeps the database from reusing space.
    pub(crate) snapshots: Arc<Semaphore>,
    /// Streams end with it.
    pub(crate) closing: CancellationToken,
    pub(crate) access: Access,
}

impl<R> Deref for Shared<R> {
    type Target = Common;

    fn deref(&self) -> &Common {
        &self.common
    }
}

impl<R: Replica> Shared<R> {
    /// The same for a call with these headers that may wait for others.
    pub(crate) fn for_waits(&self, headers: &HeaderMap) -> Self {
        let (replica, common) = (self.replica.clone(), Arc::clone(&self.common));
        Self { replica, common, needs_leader: grpc::wants_leader(headers) }
    }

    /// Fills a response header; the revision only when the replica left it out.
    pub(crate) fn fill(&self, header: &mut Option<ResponseHeader>) {
        let standing = self.replica.standing();
        let header = header.get_or_insert_default();
        header.cluster_id = standing.cluster_id.get();
        header.member_id = standing.member_id.get();
        header.raft_term = standing.term;
        if header.revision == 0 {
            header.revision = standing.revision;
        }
    }
}

#[cfg(test)]
mod tests;
