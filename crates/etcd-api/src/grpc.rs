//! Unary gRPC without a detour: one message in, one message out, straight on HTTP/2.
//!
//! tonic's generated servers box each request four times and copy it through an 8 KiB buffer in each direction;
//! here a request is decoded from the frame that it arrived in and the answer is encoded into one buffer of its
//! exact size. Streaming services use tonic's servers, where a stream lives long enough for that not to matter.

mod admission;
mod body;
mod call;
mod deadline;
mod leader;
mod message;
mod messages;
mod outlet;
mod rpc;
mod slow;
mod stream;

pub(crate) use admission::{Admission, admit};
pub(crate) use body::Body;
pub(crate) use call::{Call, Received, Shape, answer, answer_range, receive, refuse};
pub(crate) use leader::{leader_is_lost, wants_leader};
pub(crate) use message::{PREFIX, SEND_LIMIT as MESSAGE_LIMIT, encode_into, read as read_message};
pub(crate) use messages::Messages;
pub(crate) use outlet::Outlet;
pub(crate) use rpc::Rpc;
pub(crate) use slow::{Finished, SlowLog};
pub(crate) use stream::{Producer, Sink, StreamCall, answer_stream};
#[cfg(test)]
pub(crate) use stream::{Taken, take};

use http::{HeaderMap, Method, Request, Version, header};

/// Whether this is a gRPC call rather than a plain HTTP request.
///
/// # Source
/// etcd `server/embed/serve.go`, `grpcHandlerFunc`.
pub(crate) fn is_call<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_2 && has_grpc_type(request.headers())
}

/// gRPC knows no other method than POST.
pub(crate) fn is_post<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST
}

fn has_grpc_type(headers: &HeaderMap) -> bool {
    const TYPE: &[u8] = b"application/grpc";
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().windows(TYPE.len()).any(|part| part == TYPE))
}
