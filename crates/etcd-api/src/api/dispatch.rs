//! Who answers a request.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use etcd_proto::etcdserverpb::{
    AlarmRequest, CompactionRequest, DefragmentRequest, DeleteRangeRequest, DowngradeRequest, HashKvRequest,
    HashRequest, LeaseGrantRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest,
    MemberListRequest, MoveLeaderRequest, PutRequest, StatusRequest, TxnRequest,
};
use http::{HeaderMap, Request, Response};
use tonic::{Code, Status};
use tower::ServiceExt as _;

use super::{Api, Parts, Shared};
use crate::auth::{self, Credentials};
use crate::grpc::{self, Admission, Body, Rpc};
use crate::metrics::Count as _;
use crate::range::Streamed;
use crate::serve::Remote;
use crate::snapshot::Saved;
use crate::trace::Traced;
use crate::{Replica, election, lease, lock, watch};

impl<R: Replica> Api<R> {
    /// Finds who answers a gRPC call.
    pub(super) fn sort<B>(&self, request: Request<B>) -> Work<R, B>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        if !grpc::is_post(&request) {
            return Work::Refused(Status::internal("grpc: only POST is a gRPC call"));
        }
        let shared = match Credentials::of(request.headers(), request.extensions()) {
            Some(credentials) => Arc::new(self.shared.acting_for(credentials)),
            None => Arc::clone(&self.shared),
        };
        match Rpc::of_path(request.uri().path()) {
            Some(rpc) if rpc.is_direct() => {
                let (parts, body) = request.into_parts();
                Work::Direct { api: shared, rpc, headers: parts.headers, body }
            }
            Some(Rpc::Watch) => {
                let (parts, body) = request.into_parts();
                let answer = watch::answer(&shared, &parts.headers, body);
                Work::Elsewhere(Box::pin(std::future::ready(answer)))
            }
            Some(rpc) => {
                let parts = Arc::clone(&self.parts);
                Work::Elsewhere(Box::pin(async move { elsewhere(shared, &parts, rpc, request).await }))
            }
            None => Work::Refused(unknown(request.uri().path())),
        }
    }
}

/// Answers a call that is served by tonic, or not at all.
async fn elsewhere<R, B>(
    shared: Arc<Shared<R>>,
    parts: &Parts,
    rpc: Rpc,
    request: Request<B>,
) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    let mut ongoing = shared.metrics.ongoing(rpc);
    let call = Admission {
        headers: request.headers(),
        standing: shared.replica.standing(),
        for_learner: rpc == Rpc::Snapshot,
        is_stream: rpc.is_stream(),
    };
    let refusal = match grpc::admit(&call, &shared.metrics) {
        Err(error) => Some(error),
        Ok(()) => rpc.not_served(),
    };
    let refusal = match refusal {
        None => shared.replica.permit(rpc.access()).await.err(),
        refused => refused,
    };
    if let Some(error) = refusal {
        return grpc::refuse(ongoing, error.into());
    }
    if rpc == Rpc::LeaseKeepAlive {
        return lease::keep_alives(shared.lasting(request.headers()), ongoing, request).await;
    }
    let response = route(parts.streams.clone(), request).await;
    let code = response.headers().get("grpc-status").map_or(Code::Ok, |v| Code::from_bytes(v.as_bytes()));
    ongoing.done(code);
    response
}

/// How a request is answered.
pub(super) enum Work<R, B> {
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
    pub(super) async fn answer(self, remote: Remote) -> Response<Body> {
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
pub(super) fn with_trace(answer: Response<Body>, traced: Option<Box<Traced>>) -> Response<Body> {
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

pub(super) async fn route<B>(router: Router, request: Request<B>) -> Response<Body>
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
