//! One unary call from its first byte to its answer.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_proto::prost::Message;
use http::{HeaderMap, HeaderValue, Response, header};
use tokio::time::error::Elapsed;
use tonic::{Code, Status};

use super::slow::Finished;
use super::{Admission, Body, Rpc, admit, deadline, message};
use crate::api::{Reserved, Shared};
use crate::{Access, Error, Replica};

/// A request that is answered by one message.
pub(crate) trait Call<R: Replica>: Message + Default {
    const RPC: Rpc;
    type Answer: Message;

    /// Whether a learner answers it.
    fn for_learner(&self) -> bool {
        false
    }

    /// What it needs while authentication is on.
    fn access(&self) -> Access {
        Self::RPC.access()
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
///
/// Borrows the parts of the request, since every level that owned them would hold them once more: the future is moved
/// about by the HTTP library, and allocated, at its full size for every call.
pub(crate) async fn answer<R, C, B>(
    api: &Shared<R>,
    headers: &HeaderMap,
    body: &mut B,
    remote: SocketAddr,
) -> Response<Body>
where
    R: Replica,
    C: Call<R>,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let mut handled = api.metrics.rpcs().start(C::RPC);
    let started = Instant::now();
    let outcome = match receive::<R, C, B>(api, headers, body).await {
        Ok(received) => run(api, received, started, remote).await,
        Err(status) => Err(status),
    };
    match outcome {
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

/// A request that was let in.
struct Received<C> {
    request: C,
    size: usize,
    /// What the client still gives it.
    timeout: Option<Duration>,
    /// Held until it is answered: its bytes are in use as long.
    _reserved: Option<Reserved>,
}

async fn receive<R, C, B>(api: &Shared<R>, headers: &HeaderMap, body: &mut B) -> Result<Received<C>, Status>
where
    R: Replica,
    C: Call<R>,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    refuse_compressed(headers)?;
    let timeout = deadline::timeout(headers)?;
    let mut reserved = None;
    let read = message::read(body, api.options.receive_limit(), |size| {
        reserved = api.inflight.reserve(size)?;
        Ok(())
    });
    let bytes = within(api.options.request_read_timeout, read)
        .await
        .map_err(|_| Status::deadline_exceeded("the request was not sent in time"))??;
    api.metrics.rpcs().received(C::RPC, bytes.len());
    let size = bytes.len();
    let request = C::decode(bytes)
        .map_err(|error| Status::internal(format!("grpc: error unmarshalling request: {error}")))?;
    let standing = api.replica.standing();
    let for_learner = request.for_learner();
    admit(&Admission { headers, standing, for_learner, is_stream: false }, &api.metrics)?;
    let access = request.access();
    if matches!(access, Access::User | Access::Admin) {
        // Boxed, since most calls do without.
        Box::pin(api.replica.permit(access)).await?;
    }
    Ok(Received { request, size, timeout, _reserved: reserved })
}

async fn run<R: Replica, C: Call<R>>(
    api: &Shared<R>,
    received: Received<C>,
    started: Instant,
    remote: SocketAddr,
) -> Result<Bytes, Status> {
    let Received { request, size, timeout, _reserved } = received;
    let shape = request.shape();
    // No deadline of the client's is as good as one that the replica's own comes before.
    let left = timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(started.elapsed()));
    let answer = within(left, request.run(api)).await.map_err(|_| Error::DeadlineExceeded)??;
    let frame = message::encode(&answer)?;
    let finished = Finished {
        path: C::RPC.path(),
        remote,
        request: &shape,
        request_size: size,
        response_count: C::count(&answer),
        response_size: frame.len(),
    };
    api.slow.note(started.elapsed(), &finished);
    Ok(frame)
}

/// Like tokio's `timeout`, without touching a timer when the work is done at once, as it mostly is.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    let mut work = pin!(work);
    match poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        Poll::Ready(done) => Ok(done),
        Poll::Pending if limit == Duration::MAX => Ok(work.await),
        // Boxed, since a timer would be as large as the rest of the call.
        Poll::Pending => Box::pin(tokio::time::timeout(limit, work)).await,
    }
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
