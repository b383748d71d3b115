//! One HTTP/1.1 connection to a peer, and what its answers mean.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use etcd_membership::{ClusterId, MemberId};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use crate::identity::{CLUSTER_ID, text};
use crate::net::{Connector, DialError, Socket};
use crate::shared::Shared;
use crate::url::PeerUrl;

/// Answers to messages carry a sentence at most.
const ANSWER_LIMIT: usize = 64 << 10;
/// Headers that a peer may answer with, in bytes.
const HEADER_LIMIT: usize = 64 << 10;

/// A request got no answer, or one that means failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ExchangeError {
    #[error("{0}")]
    Dial(DialError),
    #[error("{}", in_words(.0))]
    Http(hyper::Error),
    #[error("{0}")]
    Body(String),
    #[error("the peer did not answer in time")]
    Timeout,
    #[error("the member has been permanently removed from the cluster")]
    Removed,
    #[error("cluster ID mismatch")]
    ClusterMismatch { theirs: Option<ClusterId> },
    #[error("incompatible version")]
    IncompatibleVersion,
    #[error("the peer does not know this member")]
    NotFound,
    #[error("unexpected answer {status}: {text}")]
    Status { status: StatusCode, text: String },
}

/// Errors of hyper hide the reason in their source.
pub(crate) fn in_words(error: &hyper::Error) -> String {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return crate::net::in_words(io);
        }
        source = inner.source();
    }
    error.to_string()
}

/// `None` once it has ended.
type Driven<B> = Option<Pin<Box<Connection<TokioIo<Socket>, B>>>>;

/// A connection whose I/O runs inside whatever waits for it, not in a task of its own.
pub(crate) struct Exchange<B: Body + 'static> {
    sender: SendRequest<B>,
    connection: Driven<B>,
}

impl<B> Exchange<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(crate) async fn open(connector: &Connector, url: &PeerUrl) -> Result<Self, ExchangeError> {
        let socket = connector.connect(url).await.map_err(ExchangeError::Dial)?;
        let (sender, connection) = http1::Builder::new()
            .max_header_size(HEADER_LIMIT)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(ExchangeError::Http)?;
        Ok(Self { sender, connection: Some(Box::pin(connection)) })
    }

    /// Whether another request can be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.connection.is_some() && !self.sender.is_closed()
    }

    /// Sends a request; the answer's body is still to be read, with [`Exchange::drive`].
    pub(crate) async fn send(&mut self, request: Request<B>) -> Result<Response<Incoming>, ExchangeError> {
        let Self { sender, connection } = self;
        drive(connection, async {
            sender.ready().await?;
            sender.send_request(request).await
        })
        .await
        .map_err(ExchangeError::Http)
    }

    /// Waits for `future`, which needs this connection to move.
    pub(crate) async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        drive(&mut self.connection, future).await
    }

    /// Moves the connection; for a caller that polls the answer's body itself, before and after.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        poll_connection(&mut self.connection, cx);
    }

    /// Reads the whole body of an answer, which is short.
    pub(crate) async fn read(&mut self, body: Incoming, limit: usize) -> Result<Bytes, ExchangeError> {
        match self.drive(Limited::new(body, limit).collect()).await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(ExchangeError::Body(error.to_string())),
        }
    }

    /// Reads what an unwanted answer says and gives it its meaning.
    pub(crate) async fn refusal(&mut self, response: Response<Incoming>) -> ExchangeError {
        let (head, body) = response.into_parts();
        match self.read(body, ANSWER_LIMIT).await {
            Ok(body) => meaning(head.status, &head.headers, &body),
            Err(error) => error,
        }
    }
}

async fn drive<B, F>(connection: &mut Driven<B>, future: F) -> F::Output
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Future,
{
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        poll_connection(connection, cx);
        future.as_mut().poll(cx)
    })
    .await
}

/// A connection that has ended tells its request, so its own outcome can go.
fn poll_connection<B>(connection: &mut Driven<B>, cx: &mut Context<'_>)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let ended = connection.as_mut().is_some_and(|connection| connection.as_mut().poll(cx).is_ready());
    if ended {
        *connection = None;
    }
}

/// A request to a peer, with everything that identifies this member.
pub(crate) fn request<B>(shared: &Shared, method: Method, url: &PeerUrl, path: &str, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_default();
    *request.headers_mut() = shared.headers.clone();
    host(request.headers_mut(), url);
    request
}

/// HTTP/1.1 wants to know whom it asks.
pub(crate) fn host(headers: &mut HeaderMap, url: &PeerUrl) {
    crate::identity::insert(headers, header::HOST, &url.authority);
}

/// # Source
/// etcd `server/etcdserver/api/rafthttp/util.go`, `checkPostResponse`, and `stream.go`, `dial`.
fn meaning(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ExchangeError {
    let said = String::from_utf8_lossy(body);
    let said = said.trim_end();
    match (status, said) {
        // About one message, not about this member.
        (StatusCode::FORBIDDEN, said) if said.contains("to mismatch member") => {
            ExchangeError::Status { status, text: said.to_owned() }
        }
        (StatusCode::GONE | StatusCode::FORBIDDEN, _) => ExchangeError::Removed,
        (StatusCode::NOT_FOUND, _) => ExchangeError::NotFound,
        (StatusCode::PRECONDITION_FAILED, "incompatible version") => ExchangeError::IncompatibleVersion,
        (StatusCode::PRECONDITION_FAILED, "cluster ID mismatch") => ExchangeError::ClusterMismatch {
            theirs: text(headers, &CLUSTER_ID).and_then(|id| id.parse().ok()),
        },
        _ => ExchangeError::Status { status, text: said.chars().take(200).collect() },
    }
}

impl Shared {
    /// Tells the node what a failed request to `peer` means for this member.
    pub(crate) fn heed(&self, peer: MemberId, error: &ExchangeError, stream: bool) {
        match error {
            ExchangeError::Removed => self.node.removed_by_cluster(peer),
            ExchangeError::ClusterMismatch { theirs } => self.refused_by_cluster(peer, *theirs, stream),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
