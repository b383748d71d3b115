//! One unary call from its first byte to its answer.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use etcd_proto::prost::Message;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use tonic::{Code, Status};

use super::slow::Finished;
use super::{Admission, Body, Rpc, admit, deadline, message};
use crate::api::Shared;
use crate::{Error, Replica};

/// A request that is answered by one message.
pub(crate) trait Call<R: Replica>: Message + Default {
    const RPC: Rpc;
    type Answer: Message;

    /// Whether a learner answers it.
    fn for_learner(&self) -> bool {
        false
    }

    /// What the log of slow calls shows of it.
    fn shape(&self) -> Shape {
        Shape::default()
    }

    /// How many keys the answer is about.
    fn count(_answer: &Self::Answer) -> i64 {
        -1
    }

    /// Validates and answers it.
    fn run(self, api: &Shared<R>) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// What may be told about a request: never a value.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) key: Bytes,
    /// Operations in it.
    pub(crate) count: i64,
}

/// Answers a unary call.
pub(crate) async fn answer<R, C, B>(
    api: &Shared<R>,
    request: Request<B>,
    remote: SocketAddr,
) -> Response<Body>
where
    R: Replica,
    C: Call<R>,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut handled = api.metrics.rpcs().start(C::RPC);
    match handle::<R, C, B>(api, request, remote).await {
        Ok(frame) => {
            handled.sent(frame.len());
            handled.done(Code::Ok);
            success(frame)
        }
        Err(status) => {
            handled.done(status.code());
            status.into_http()
        }
    }
}

async fn handle<R, C, B>(api: &Shared<R>, request: Request<B>, remote: SocketAddr) -> Result<Bytes, Status>
where
    R: Replica,
    C: Call<R>,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    refuse_compressed(&parts.headers)?;
    let limit = deadline::timeout(&parts.headers)?;
    let mut reserved = None;
    let read = message::read(body, api.options.receive_limit(), |size| {
        reserved = api.inflight.reserve(size)?;
        Ok(())
    });
    let bytes = tokio::time::timeout(api.options.request_read_timeout, read)
        .await
        .map_err(|_| Status::deadline_exceeded("the request was not sent in time"))??;
    api.metrics.rpcs().received(C::RPC, bytes.len());
    let request_size = bytes.len();
    let request = C::decode(bytes)
        .map_err(|error| Status::internal(format!("grpc: error unmarshalling request: {error}")))?;
    let standing = api.replica.standing();
    let for_learner = request.for_learner();
    admit(&Admission { headers: &parts.headers, standing, for_learner, is_stream: false }, &api.metrics)?;
    let shape = request.shape();
    let answer = match limit {
        None => request.run(api).await?,
        Some(limit) => {
            let left = limit.saturating_sub(started.elapsed());
            tokio::time::timeout(left, request.run(api)).await.map_err(|_| Error::DeadlineExceeded)??
        }
    };
    let frame = message::encode(&answer)?;
    let finished = Finished {
        path: C::RPC.path(),
        remote,
        request: &shape,
        request_size,
        response_count: C::count(&answer),
        response_size: frame.len(),
    };
    api.slow.note(started.elapsed(), &finished);
    // Held until here: the bytes are in use as long as the call is.
    drop(reserved);
    Ok(frame)
}

fn refuse_compressed(headers: &HeaderMap) -> Result<(), Status> {
    match headers.get("grpc-encoding") {
        None => Ok(()),
        Some(encoding) if encoding == "identity" => Ok(()),
        Some(encoding) => Err(Status::unimplemented(format!(
            "grpc: Decompressor is not installed for grpc-encoding {:?}",
            String::from_utf8_lossy(encoding.as_bytes())
        ))),
    }
}

fn success(frame: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::message(frame));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
