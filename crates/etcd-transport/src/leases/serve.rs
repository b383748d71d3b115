//! The paths of the peer port that questions about leases come to.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use etcd_proto::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use etcd_proto::leasepb::{LeaseInternalRequest, LeaseInternalResponse};
use etcd_proto::prost::Message;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use super::{INTERNAL, LeaseNode, LeaseRefusal, PROTOBUF, QUESTION_LIMIT, RENEW};
use crate::handlers::error;

/// How long a question may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves `/leases` and `/leases/internal`, to be merged with [`crate::Transport::router`].
pub fn lease_routes(node: Arc<dyn LeaseNode>) -> Router {
    Router::new().route(RENEW, any(renew)).route(INTERNAL, any(time_to_live)).with_state(node)
}

async fn renew(State(node): State<Arc<dyn LeaseNode>>, request: Request) -> Response {
    let question = match question::<LeaseKeepAliveRequest>(request).await {
        Ok(question) => question,
        Err(refused) => return *refused,
    };
    match node.renew(question.id).await {
        Ok(ttl) => answer(&LeaseKeepAliveResponse { header: None, id: question.id, ttl }),
        Err(refusal) => refuse(refusal, StatusCode::BAD_REQUEST),
    }
}

async fn time_to_live(State(node): State<Arc<dyn LeaseNode>>, request: Request) -> Response {
    let question = match question::<LeaseInternalRequest>(request).await {
        Ok(question) => question.lease_time_to_live_request.unwrap_or_default(),
        Err(refused) => return *refused,
    };
    match node.time_to_live(question.id, question.keys).await {
        Ok(found) => answer(&LeaseInternalResponse { lease_time_to_live_response: Some(found) }),
        Err(refusal) => refuse(refusal, StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn question<M: Message + Default>(request: Request) -> Result<M, Box<Response>> {
    let refused = |status, sentence| Box::new(error(status, sentence));
    if request.method() != Method::POST {
        return Err(refused(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"));
    }
    let body: Bytes =
        match timeout(PATIENCE, Limited::new(request.into_body(), QUESTION_LIMIT).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "request body too large"));
            }
            Ok(Err(_)) => return Err(refused(StatusCode::BAD_REQUEST, "error reading body")),
            Err(_) => return Err(refused(StatusCode::REQUEST_TIMEOUT, "error reading body")),
        };
    M::decode(body).map_err(|_| refused(StatusCode::BAD_REQUEST, "error unmarshalling request"))
}

fn answer(message: &impl Message) -> Response {
    let mut response = Response::new(Body::from(message.encode_to_vec()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    response
}

/// What a member that does not lead answers depends on the question.
fn refuse(refusal: LeaseRefusal, not_primary: StatusCode) -> Response {
    let status = match refusal {
        LeaseRefusal::NotFound => StatusCode::NOT_FOUND,
        LeaseRefusal::NotPrimary => not_primary,
        LeaseRefusal::Behind => StatusCode::REQUEST_TIMEOUT,
    };
    error(status, &refusal.to_string())
}
