//! `LeaseKeepAlive`: a stream of renewals, each with its answer.

use std::future::{Future, Ready, ready};
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
use tonic::{Code, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::api::Shared;
use crate::grpc::{Body, Rpc};
use crate::metrics::{Count as _, Metrics, Ongoing};
use crate::{Error, Replica};

/// Renewals of one stream that may wait; further ones stay in the connection's window. A client that keeps very many
/// leases alive sends all renewals at once.
const QUEUE: usize = 64 << 10;

/// Renewals of one stream that are under way at the same time, where the leader is another member.
const UNDER_WAY: usize = 16;

/// Serves one stream.
pub(crate) async fn keep_alives<R, B>(api: Shared<R>, ongoing: Ongoing, request: Request<B>) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let limit = api.options.receive_limit();
    let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(limit);
    let service = KeepAlives { api: Arc::new(api), ongoing: Some(ongoing) };
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
    ongoing: Option<Ongoing>,
}

type Answer = Result<LeaseKeepAliveResponse, Status>;

impl<R: Replica> StreamingService<LeaseKeepAliveRequest> for KeepAlives<R> {
    type Response = LeaseKeepAliveResponse;
    type ResponseStream = Pin<Box<dyn Stream<Item = Answer> + Send>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<LeaseKeepAliveRequest>>) -> Self::Future {
        let Some(ongoing) = self.ongoing.take() else {
            return ready(Err(Status::internal("a stream is served once")));
        };
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(drain(request.into_inner(), queue, self.api.metrics.clone()));
        let api = Arc::clone(&self.api);
        let answers = Waiting(waiting).map(move |id| answer(Arc::clone(&api), id)).buffered(UNDER_WAY);
        let api = Arc::clone(&self.api);
        let ended = Box::pin(async move { api.ended().await });
        ready(Ok(tonic::Response::new(Box::pin(Answers { answers: Box::pin(answers), ended, ongoing }))))
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

/// The answers, until there are no more or the stream has to end; counted.
struct Answers<S, E> {
    answers: S,
    /// Ready with the reason why the stream has to end.
    ended: E,
    ongoing: Ongoing,
}

impl<S, E> Stream for Answers<S, E>
where
    S: Stream<Item = Answer> + Unpin,
    E: Future<Output = Error> + Unpin,
{
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        let next = match self.answers.poll_next_unpin(context) {
            // Looked at only when there is nothing else to do, which every stream comes to.
            Poll::Pending => match Pin::new(&mut self.ended).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(error) => Some(Err(error.into())),
            },
            Poll::Ready(next) => next,
        };
        match &next {
            Some(Ok(answer)) => self.ongoing.sent(1, answer.encoded_len()),
            Some(Err(status)) => self.ongoing.done(status.code()),
            None => self.ongoing.done(Code::Ok),
        }
        Poll::Ready(next)
    }
}
