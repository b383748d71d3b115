//! The JSON form of the gRPC API: `POST /v3/…`.
//!
//! A request becomes the gRPC call of its path, in this process and without a connection: JSON is turned into the
//! message's bytes by the table of messages in `etcd-proto`, the call goes where every call goes, and the answer's
//! bytes are turned back. So each call is served here that is served over gRPC, with the same checks, limits,
//! counters and errors, and a new one takes a line in [`ROUTES`].
//!
//! What is answered follows the gateway of etcd 3.4, to the byte where that can be.
//!
//! Source: etcd `api/etcdserverpb/rpc.proto` (paths), grpc-gateway `runtime` (statuses, errors, streams).

mod body;
mod decode;
mod encode;
mod failure;
pub(crate) mod fuzz;
mod scan;
mod stream;
mod value;

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::{BufMut as _, Bytes};
use etcd_proto::schema::{METHODS, Method};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use tonic::{Code, Status};

use crate::grpc::Body;
use crate::http::text;
use crate::serve::Remote;
use crate::{Api, Replica};
use body::Values;
use failure::failure;

/// Path and call. The names under `/v3/kv/lease` are older ones of the same calls.
const ROUTES: &[(&str, &str)] = &[
    ("/v3/kv/range", "/etcdserverpb.KV/Range"),
    ("/v3/kv/put", "/etcdserverpb.KV/Put"),
    ("/v3/kv/deleterange", "/etcdserverpb.KV/DeleteRange"),
    ("/v3/kv/txn", "/etcdserverpb.KV/Txn"),
    ("/v3/kv/compaction", "/etcdserverpb.KV/Compact"),
    ("/v3/watch", "/etcdserverpb.Watch/Watch"),
    ("/v3/lease/grant", "/etcdserverpb.Lease/LeaseGrant"),
    ("/v3/lease/revoke", "/etcdserverpb.Lease/LeaseRevoke"),
    ("/v3/kv/lease/revoke", "/etcdserverpb.Lease/LeaseRevoke"),
    ("/v3/lease/keepalive", "/etcdserverpb.Lease/LeaseKeepAlive"),
    ("/v3/lease/timetolive", "/etcdserverpb.Lease/LeaseTimeToLive"),
    ("/v3/kv/lease/timetolive", "/etcdserverpb.Lease/LeaseTimeToLive"),
    ("/v3/lease/leases", "/etcdserverpb.Lease/LeaseLeases"),
    ("/v3/kv/lease/leases", "/etcdserverpb.Lease/LeaseLeases"),
    ("/v3/cluster/member/add", "/etcdserverpb.Cluster/MemberAdd"),
    ("/v3/cluster/member/remove", "/etcdserverpb.Cluster/MemberRemove"),
    ("/v3/cluster/member/update", "/etcdserverpb.Cluster/MemberUpdate"),
    ("/v3/cluster/member/list", "/etcdserverpb.Cluster/MemberList"),
    ("/v3/cluster/member/promote", "/etcdserverpb.Cluster/MemberPromote"),
    ("/v3/maintenance/alarm", "/etcdserverpb.Maintenance/Alarm"),
    ("/v3/maintenance/status", "/etcdserverpb.Maintenance/Status"),
    ("/v3/maintenance/defragment", "/etcdserverpb.Maintenance/Defragment"),
    ("/v3/maintenance/hash", "/etcdserverpb.Maintenance/Hash"),
    ("/v3/maintenance/hashkv", "/etcdserverpb.Maintenance/HashKV"),
    ("/v3/maintenance/snapshot", "/etcdserverpb.Maintenance/Snapshot"),
    ("/v3/maintenance/transfer-leadership", "/etcdserverpb.Maintenance/MoveLeader"),
    ("/v3/maintenance/downgrade", "/etcdserverpb.Maintenance/Downgrade"),
    ("/v3/auth/enable", "/etcdserverpb.Auth/AuthEnable"),
    ("/v3/auth/disable", "/etcdserverpb.Auth/AuthDisable"),
    ("/v3/auth/status", "/etcdserverpb.Auth/AuthStatus"),
    ("/v3/auth/authenticate", "/etcdserverpb.Auth/Authenticate"),
    ("/v3/auth/user/add", "/etcdserverpb.Auth/UserAdd"),
    ("/v3/auth/user/get", "/etcdserverpb.Auth/UserGet"),
    ("/v3/auth/user/list", "/etcdserverpb.Auth/UserList"),
    ("/v3/auth/user/delete", "/etcdserverpb.Auth/UserDelete"),
    ("/v3/auth/user/changepw", "/etcdserverpb.Auth/UserChangePassword"),
    ("/v3/auth/user/grant", "/etcdserverpb.Auth/UserGrantRole"),
    ("/v3/auth/user/revoke", "/etcdserverpb.Auth/UserRevokeRole"),
    ("/v3/auth/role/add", "/etcdserverpb.Auth/RoleAdd"),
    ("/v3/auth/role/get", "/etcdserverpb.Auth/RoleGet"),
    ("/v3/auth/role/list", "/etcdserverpb.Auth/RoleList"),
    ("/v3/auth/role/delete", "/etcdserverpb.Auth/RoleDelete"),
    ("/v3/auth/role/grant", "/etcdserverpb.Auth/RoleGrantPermission"),
    ("/v3/auth/role/revoke", "/etcdserverpb.Auth/RoleRevokePermission"),
    ("/v3/election/campaign", "/v3electionpb.Election/Campaign"),
    ("/v3/election/proclaim", "/v3electionpb.Election/Proclaim"),
    ("/v3/election/leader", "/v3electionpb.Election/Leader"),
    ("/v3/election/observe", "/v3electionpb.Election/Observe"),
    ("/v3/election/resign", "/v3electionpb.Election/Resign"),
    ("/v3/lock/lock", "/v3lockpb.Lock/Lock"),
    ("/v3/lock/unlock", "/v3lockpb.Lock/Unlock"),
];

/// The calls by their paths.
static CALLS: LazyLock<HashMap<&str, &Method>> = LazyLock::new(|| {
    let method = |call: &str| METHODS.iter().find(|method| method.path == call);
    ROUTES.iter().filter_map(|(path, call)| Some((*path, method(call)?))).collect()
});

/// etcd's answer to a client that believes its certificate to say who it is.
const COMMON_NAME_IGNORED: &str =
    "CommonName of client sending a request against gateway will be ignored and not used as expected\n";

/// Bytes before a message in a gRPC body.
const PREFIX: usize = 5;

/// Whether the gateway answers this path. `/v3beta/` is the older name of `/v3/`.
pub(crate) fn is_gateway_path(path: &str) -> bool {
    path.starts_with("/v3/") || path.starts_with("/v3beta/")
}

/// Answers a request to such a path.
pub(crate) async fn answer<R, B>(api: Api<R>, request: Request<B>, remote: Remote) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    let (parts, body) = request.into_parts();
    if api.ignores_common_name(&parts.extensions) {
        return text(StatusCode::BAD_REQUEST, COMMON_NAME_IGNORED).map(Body::http);
    }
    let path = parts.uri.path();
    let newer = path.strip_prefix("/v3beta/").map(|rest| format!("/v3/{rest}"));
    let Some(method) = CALLS.get(newer.as_deref().unwrap_or(path)).copied() else {
        return text(StatusCode::NOT_FOUND, "Not Found\n").map(Body::http);
    };
    if parts.method != http::Method::POST {
        return text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n").map(Body::http);
    }
    let values = Values::new(body, api.json_limit(), api.inflight());
    let gateway = Gateway { api, method, headers: call_headers(&parts.headers), remote };
    let answered = match (method.streams_requests, method.streams_responses) {
        (_, true) => gateway.stream(values).await,
        (_, false) => gateway.unary(values).await,
    };
    answered.unwrap_or_else(|status| failure(&status))
}

/// One request on its way.
struct Gateway<R> {
    api: Api<R>,
    method: &'static Method,
    headers: HeaderMap,
    remote: Remote,
}

impl<R: Replica> Gateway<R> {
    async fn unary<B>(self, mut values: Values<B>) -> Result<Response<Body>, Status>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let first = self.first(&mut values, Code::InvalidArgument).await?;
        let frame = frame(self.method, first.as_deref().unwrap_or(b"{}"), Code::InvalidArgument)?;
        drop((first, values));
        let response = self.call(axum::body::Body::from(frame)).await;
        let (parts, body) = response.into_parts();
        let collected = body.collect().await.map_err(|_| malformed())?;
        let trailers = collected.trailers().unwrap_or(&parts.headers);
        if let Some(status) = Status::from_header_map(trailers).filter(|status| status.code() != Code::Ok) {
            return Err(status);
        }
        let message = collected.to_bytes();
        let message = message.get(PREFIX..).map(|_| message.slice(PREFIX..)).ok_or_else(malformed)?;
        let mut json = Vec::with_capacity(message.len() * 2);
        encode::message(self.method.response, message, &mut json).map_err(|_| malformed())?;
        Ok(success(axum::body::Body::from(json)))
    }

    /// The first value of the body, which must come soon.
    async fn first<B>(&self, values: &mut Values<B>, code: Code) -> Result<Option<Bytes>, Status>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let limit = self.api.request_read_timeout();
        tokio::time::timeout(limit, values.next(code))
            .await
            .map_err(|_| Status::deadline_exceeded("the request was not sent in time"))?
    }

    /// The gRPC call.
    async fn call(&self, body: axum::body::Body) -> Response<Body> {
        let mut request = Request::new(body);
        *request.version_mut() = Version::HTTP_2;
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = http::Uri::from_static(self.method.path);
        *request.headers_mut() = self.headers.clone();
        Box::pin(self.api.call(request, self.remote)).await
    }
}

/// A JSON value as the frame of its message.
fn frame(method: &Method, json: &[u8], code: Code) -> Result<Bytes, Status> {
    let mut frame = Vec::with_capacity(PREFIX + json.len());
    frame.put_bytes(0, PREFIX);
    decode::message(method.request, json, &mut frame).map_err(|mistake| Status::new(code, mistake.0))?;
    let length = u32::try_from(frame.len() - PREFIX).map_err(|_| Status::resource_exhausted("too large"))?;
    frame[1..PREFIX].copy_from_slice(&length.to_be_bytes());
    Ok(frame.into())
}

/// What the call's metadata are made of: the token, the deadline, and what is meant for it by name.
fn call_headers(from: &HeaderMap) -> HeaderMap {
    /// What the transport decides, and not the caller.
    const RESERVED: [&str; 5] =
        ["content-type", "te", "grpc-encoding", "grpc-accept-encoding", "grpc-timeout"];
    let mut headers = HeaderMap::new();
    for (name, value) in from {
        let kept = match name.as_str() {
            "authorization" | "grpc-timeout" => Some(name.clone()),
            other => other
                .strip_prefix("grpc-metadata-")
                .filter(|meant| !RESERVED.contains(meant))
                .and_then(|meant| HeaderName::from_bytes(meant.as_bytes()).ok()),
        };
        if let Some(name) = kept {
            headers.append(name, value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(http::header::TE, HeaderValue::from_static("trailers"));
    headers
}

fn success(body: axum::body::Body) -> Response<Body> {
    let mut response = Response::new(Body::http(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("grpc-metadata-content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn malformed() -> Status {
    Status::internal("the answer cannot be shown as JSON")
}

#[cfg(test)]
mod tests;
