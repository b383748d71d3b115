//! How the gateway tells errors.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use tonic::{Code, Status};

use super::encode::string;
use crate::grpc::Body;

/// The answer to a call that failed: the text twice, then the gRPC code.
pub(super) fn failure(status: &Status) -> Response<Body> {
    let mut body = b"{\"error\":".to_vec();
    string(status.message(), &mut body);
    body.extend_from_slice(b",\"message\":");
    string(status.message(), &mut body);
    body.extend_from_slice(format!(",\"code\":{}}}", status.code() as i32).as_bytes());
    json(http_status(status.code()), body)
}

/// The answer to a stream that failed before its first message.
pub(super) fn stream_failure(status: &Status) -> Response<Body> {
    json(http_status(status.code()), chunk(status))
}

/// What ends a stream that fails later.
pub(super) fn chunk(status: &Status) -> Vec<u8> {
    let http = http_status(status.code());
    let code = status.code() as i32;
    let mut chunk =
        format!("{{\"error\":{{\"grpc_code\":{code},\"http_code\":{},\"message\":", http.as_u16())
            .into_bytes();
    string(status.message(), &mut chunk);
    chunk.extend_from_slice(b",\"http_status\":");
    string(http.canonical_reason().unwrap_or_default(), &mut chunk);
    chunk.extend_from_slice(b"}}");
    chunk
}

fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::http(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Source: grpc-gateway `runtime/errors.go` `HTTPStatusFromCode`, as etcd 3.4 has it.
const fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::FailedPrecondition => StatusCode::PRECONDITION_FAILED,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
