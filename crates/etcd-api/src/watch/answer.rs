//! A watch stream over HTTP/2.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use etcd_proto::etcdserverpb::WatchRequest;
use etcd_proto::prost::Message as _;
use etcd_watch::Response as Watched;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use super::Session;
use super::encode::Encoder;
use crate::Replica;
use crate::api::Shared;
use crate::grpc::{Admission, Body, Messages, Rpc, admit, refuse};
use crate::metrics::{Count as _, Ongoing};

/// Bytes that are handed to the connection in one go, about.
const CHUNK: usize = 32 << 10;

/// Answers a watch call. Requests are read by a task of their own, so that they never wait in the connection while
/// responses do.
pub(crate) fn answer<R, B>(api: &Arc<Shared<R>>, headers: &HeaderMap, body: B) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    let ongoing = api.metrics.ongoing(Rpc::Watch);
    let call = Admission { headers, standing: api.replica.standing(), for_learner: false, is_stream: true };
    let session = match admit(&call, &api.metrics).and_then(|()| Session::begin(api, headers)) {
        Ok(session) => Arc::new(session),
        Err(error) => return refuse(ongoing, error.into()),
    };
    let requests = Messages::new(body, api.options.receive_limit());
    let task = tokio::spawn(drive(Arc::clone(&session), requests));
    let (batch, chunk) = (VecDeque::new(), BytesMut::new());
    let responses = Responses { session, batch, chunk, task, ongoing, is_ended: false };
    let mut response = Response::new(Body::http(axum::body::Body::new(responses)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Reads requests until the stream ends.
async fn drive<R, B>(session: Arc<Session<R>>, requests: Messages<B>)
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let reason = tokio::select! {
        reason = read(&session, requests) => reason,
        reason = session.keep() => reason,
    };
    session.end(reason);
}

/// Returns only with an error: a client that has nothing more to ask goes on watching.
async fn read<R, B>(session: &Session<R>, mut requests: Messages<B>) -> Status
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    loop {
        let bytes = match requests.next().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return std::future::pending().await,
            Err(status) => return status,
        };
        session.api.metrics.rpcs().received(Rpc::Watch, bytes.len());
        match WatchRequest::decode(bytes) {
            Ok(request) => session.request(request).await,
            Err(error) => {
                return Status::internal(format!("grpc: error unmarshalling request: {error}"));
            }
        }
    }
}

/// The body of the answer.
struct Responses<R: Replica> {
    session: Arc<Session<R>>,
    /// What was taken from the stream and is not encoded yet.
    batch: VecDeque<Watched>,
    chunk: BytesMut,
    task: JoinHandle<()>,
    ongoing: Ongoing,
    is_ended: bool,
}

impl<R: Replica> Responses<R> {
    /// The next bytes.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Status>> {
        if self.batch.is_empty() {
            match self.session.poll(context, &mut self.batch) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(status)) => return Poll::Ready(Err(status)),
                Poll::Pending => return Poll::Pending,
            }
        }
        let begun = Instant::now();
        let mut encoder = Encoder::new(&self.session);
        let mut messages = 0;
        let mut events = 0;
        while self.chunk.len() < CHUNK {
            let Some(response) = self.batch.pop_front() else { break };
            if let Watched::Events(some) = &response {
                events += some.events.len();
            }
            match encoder.frames(&response, &mut self.chunk) {
                Ok(count) => messages += count,
                Err(status) => return Poll::Ready(Err(status)),
            }
        }
        self.session.api.metrics.watches().encoded(events, begun.elapsed());
        let chunk = self.chunk.split().freeze();
        self.ongoing.sent(messages, chunk.len());
        Poll::Ready(Ok(chunk))
    }
}

impl<R: Replica> http_body::Body for Responses<R> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_ended {
            return Poll::Ready(None);
        }
        match self.poll_chunk(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(chunk)) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            Poll::Ready(Err(status)) => {
                self.ongoing.done(status.code());
                self.is_ended = true;
                Poll::Ready(Some(Ok(Frame::trailers(trailers(&status)))))
            }
        }
    }
}

impl<R: Replica> Drop for Responses<R> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    if status.add_header(&mut trailers).is_err() {
        let code = HeaderValue::from(Code::Internal as i32);
        trailers.insert("grpc-status", code);
    }
    trailers
}
