//! `LeaseKeepAlive`: a stream of renewals, each with its answer.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use etcd_proto::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use etcd_proto::prost::Message as _;
use futures_util::stream::{Stream, StreamExt as _};
use http::{Request, Response};
use tokio::sync::mpsc;
use tonic::server::{Grpc, StreamingService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use crate::api::Shared;
use crate::grpc::{Body, Rpc, StreamCount};
use crate::metrics::Metrics;
use crate::{Error, Replica};

/// Renewals of one stream that may wait; further ones stay in the connection's window. A client that keeps very many
/// leases alive sends all renewals at once.
const QUEUE: usize = 64 << 10;

/// Renewals of one stream that are under way at the same time, where the leader is another member.
const UNDER_WAY: usize = 16;

/// Serves one stream.
pub(crate) async fn keep_alives<R, B>(
    api: Arc<Shared<R>>,
    count: StreamCount,
    request: Request<B>,
) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let limit = api.options.receive_limit();
    let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(limit);
    let service = KeepAlives { api, count: Some(count) };
    let request = request.map(axum::body::Body::new);
    grpc.streaming(service, request).await.map(|body| Body::http(axum::body::Body::new(body)))
}

/// Renews one lease; one that does not exist has 0 seconds to live.
pub(crate) async fn keep_alive<R: Replica>(
    api: &Shared<R>,
    id: i64,
) -> Result<LeaseKeepAliveResponse, Error> {
    // Made before the renewal: a client that sees a later revision may conclude that the lease was alive then.
    let mut header = None;
    api.fill(&mut header);
    let ttl = match api.replica.lease_renew(id).await {
        Err(Error::LeaseNotFound) => 0,
        outcome => outcome?,
    };
    Ok(LeaseKeepAliveResponse { header, id, ttl })
}

struct KeepAlives<R> {
    api: Arc<Shared<R>>,
    count: Option<StreamCount>,
}

type Answer = Result<LeaseKeepAliveResponse, Status>;

impl<R: Replica> StreamingService<LeaseKeepAliveRequest> for KeepAlives<R> {
    type Response = LeaseKeepAliveResponse;
    type ResponseStream = Pin<Box<dyn Stream<Item = Answer> + Send>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<LeaseKeepAliveRequest>>) -> Self::Future {
        let Some(count) = self.count.take() else {
            return ready(Err(Status::internal("a stream is served once")));
        };
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(drain(request.into_inner(), queue, self.api.metrics.clone()));
        let api = Arc::clone(&self.api);
        let answers = Waiting(waiting)
            .map(move |id| answer(Arc::clone(&api), id))
            .buffered(UNDER_WAY)
            .take_until(self.api.closing.clone().cancelled_owned());
        let closing = self.api.closing.clone();
        let end = futures_util::stream::once(async move { closing.is_cancelled() })
            .filter_map(|closed| ready(closed.then(|| Err(Error::Stopped.into()))));
        ready(Ok(tonic::Response::new(Box::pin(Counted { answers: Box::pin(answers.chain(end)), count }))))
    }
}

async fn answer<R: Replica>(api: Arc<Shared<R>>, id: Result<i64, Status>) -> Answer {
    Ok(keep_alive(&api, id?).await?)
}

/// Takes requests as they come: frames that nobody reads would count against the connection.
async fn drain(
    mut requests: Streaming<LeaseKeepAliveRequest>,
    queue: mpsc::Sender<Result<i64, Status>>,
    metrics: Metrics,
) {
    loop {
        let next = tokio::select! {
            next = requests.message() => next,
            () = queue.closed() => return,
        };
        let (id, is_last) = match next {
            Ok(Some(request)) => {
                metrics.rpcs().received(Rpc::LeaseKeepAlive, request.encoded_len());
                (Ok(request.id), false)
            }
            Ok(None) => return,
            Err(status) => (Err(status), true),
        };
        if queue.send(id).await.is_err() || is_last {
            return;
        }
    }
}

/// The queue's other end, as a stream.
struct Waiting<T>(mpsc::Receiver<T>);

impl<T> Stream for Waiting<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

/// Counts messages and how the stream ends.
struct Counted<S> {
    answers: S,
    count: StreamCount,
}

impl<S: Stream<Item = Answer> + Unpin> Stream for Counted<S> {
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        let next = self.answers.poll_next_unpin(context);
        if let Poll::Ready(next) = &next {
            match next {
                Some(Ok(answer)) => self.count.sent(answer.encoded_len()),
                Some(Err(status)) => self.count.ended(status.code()),
                None => self.count.ended(tonic::Code::Ok),
            }
        }
        next
    }
}
