//! One unary call from its first byte to its answer.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_proto::etcdserverpb::RangeRequest;
use etcd_proto::prost::Message;
use http::{HeaderMap, HeaderValue, Response, header};
use tokio::time::error::Elapsed;
use tonic::{Code, Status};

use super::slow::Finished;
use super::stream::{Producer, produce};
use super::{Admission, Body, Rpc, admit, deadline, message};
use crate::api::{Reserved, Shared};
use crate::metrics::{Count, Handled};
use crate::range::{self, Whole};
use crate::serve::Remote;
use crate::{Access, Error, Replica, validate};

/// A request that is answered by one message.
pub(crate) trait Call<R: Replica>: Message + Default {
    const RPC: Rpc;
    /// Whether it waits for others, so that the time it takes says nothing about the server.
    const WAITS: bool = false;
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

    /// Whether it is a transaction that only reads.
    fn is_read_only_txn(&self) -> bool {
        false
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
    remote: Remote,
) -> Response<Body>
where
    R: Replica,
    C: Call<R>,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let handled = api.metrics.rpcs().start(C::RPC);
    let started = Instant::now();
    let outcome =
        match receive(api, headers, body, C::RPC, |call: &C| (call.for_learner(), call.access())).await {
            Ok(received) => run(api, received, started, remote).await,
            Err(status) => Err(status),
        };
    finish(handled, outcome)
}

/// Answers `KV.Range`: many keys as a stream of parts of the one message, the rest as any other call.
pub(crate) async fn answer_range<R, B>(
    api: &Arc<Shared<R>>,
    headers: &HeaderMap,
    body: &mut B,
    remote: Remote,
) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let handled = api.metrics.rpcs().start(Rpc::Range);
    let started = Instant::now();
    let rules = |call: &RangeRequest| (Call::<R>::for_learner(call), Rpc::Range.access());
    let outcome = match receive(api, headers, body, Rpc::Range, rules).await {
        Ok(received) if range::may_be_long(&received.request) => {
            // Boxed, or the future of every short range would be larger by this one.
            match Box::pin(open_range(api, received, started, remote)).await {
                Ok(Opened::Cursor(whole, deadline)) => {
                    let (ongoing, shared) = (api.metrics.outlive(handled), Arc::clone(api));
                    let producer: Producer = Box::new(move |sink| whole.send(&shared, sink));
                    return produce(ongoing, producer, deadline);
                }
                Ok(Opened::Frame(frame)) => Ok(frame),
                Err(status) => Err(status),
            }
        }
        Ok(received) => run(&**api, received, started, remote).await,
        Err(status) => Err(status),
    };
    finish(handled, outcome)
}

/// How a long range is answered.
enum Opened {
    /// In parts, until the client's deadline.
    Cursor(Box<Whole>, Option<Instant>),
    /// At once, by a replica that has no cursors.
    Frame(Bytes),
}

async fn open_range<R: Replica>(
    api: &Arc<Shared<R>>,
    received: Received<RangeRequest>,
    started: Instant,
    remote: Remote,
) -> Result<Opened, Status> {
    validate::range(&received.request)?;
    let left = received.timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(started.elapsed()));
    let opened = within(left, api.replica.open_range(received.request.clone())).await;
    let Some(cursor) = opened.map_err(|_| Error::DeadlineExceeded)?? else {
        return run(&**api, received, started, remote).await.map(Opened::Frame);
    };
    let deadline = received.timeout.and_then(|timeout| started.checked_add(timeout));
    let shape = <RangeRequest as Call<R>>::shape(&received.request);
    let whole = Whole { cursor, shape, request_size: received.size, started, remote };
    Ok(Opened::Cursor(Box::new(whole), deadline))
}

/// A request that was let in.
pub(crate) struct Received<C> {
    pub(crate) request: C,
    size: usize,
    /// What the client still gives it.
    pub(crate) timeout: Option<Duration>,
    /// Held until it is answered: its bytes are in use as long.
    _reserved: Option<Reserved>,
}

/// Reads a request, and lets it in.
pub(crate) async fn receive<R, C, B>(
    api: &Shared<R>,
    headers: &HeaderMap,
    body: &mut B,
    rpc: Rpc,
    rules: impl Fn(&C) -> (bool, Access),
) -> Result<Received<C>, Status>
where
    R: Replica,
    C: Message + Default,
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
    api.metrics.rpcs().received(rpc, bytes.len());
    let size = bytes.len();
    let request = C::decode(bytes)
        .map_err(|error| Status::internal(format!("grpc: error unmarshalling request: {error}")))?;
    let standing = api.replica.standing();
    let (for_learner, access) = rules(&request);
    admit(&Admission { headers, standing, for_learner, is_stream: rpc.is_stream() }, &api.metrics)?;
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
    remote: Remote,
) -> Result<Bytes, Status> {
    let Received { request, size, timeout, _reserved } = received;
    let shape = request.shape();
    let is_read_only = request.is_read_only_txn();
    // No deadline of the client's is as good as one that the replica's own comes before.
    let left = timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(started.elapsed()));
    let late = |_| match C::WAITS {
        // Go's words: etcd's own are for what the server has begun.
        true => Status::deadline_exceeded("context deadline exceeded"),
        false => Error::DeadlineExceeded.into(),
    };
    let outcome = within(left, request.run(api)).await;
    let took = started.elapsed();
    api.metrics.requests().answered(C::RPC, is_read_only, matches!(outcome, Ok(Ok(_))), took);
    let answer = outcome.map_err(late)??;
    let frame = message::encode(&answer)?;
    let finished = Finished {
        path: C::RPC.path(),
        remote,
        request: &shape,
        request_size: size,
        response_count: C::count(&answer),
        response_size: frame.len(),
    };
    if !C::WAITS {
        api.slow.note(took, &finished);
    }
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

/// The answer of a unary call, given as the frame of its message; counts it.
fn finish(mut handled: Handled<'_>, outcome: Result<Bytes, Status>) -> Response<Body> {
    match outcome {
        Ok(frame) => {
            handled.sent(frame.len());
            handled.done(Code::Ok);
            with_content_type(Body::message(frame))
        }
        Err(status) => refuse(handled, status),
    }
}

/// The answer of a call that has failed before its first message; counts it.
pub(crate) fn refuse(mut call: impl Count, status: Status) -> Response<Body> {
    call.done(status.code());
    status.into_http()
}

pub(super) fn with_content_type(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
