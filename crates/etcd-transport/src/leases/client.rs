//! Posts questions about leases to the leader, over connections that are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::Bytes;
use etcd_proto::etcdserverpb::{
    LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use etcd_proto::leasepb::{LeaseInternalRequest, LeaseInternalResponse};
use etcd_proto::prost::Message;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{ANSWER_LIMIT, INTERNAL, LeaseRefusal, PROTOBUF, RENEW};
use crate::Transport;
use crate::exchange::{Exchange, ExchangeError, request};
use crate::shared::Shared;
use crate::url::{PeerUrl, UrlError};

/// Questions under way at the same time; further ones wait.
const QUESTIONS: usize = 64;

/// Asks members about leases. Clones share their connections.
#[derive(Clone)]
pub struct LeaseClient(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    places: Semaphore,
    /// Connections that wait for another question, by the thread whose runtime they live on: one that stays there
    /// wakes nobody else. There are never more than [`QUESTIONS`] a thread.
    idle: Mutex<HashMap<ThreadId, Vec<Kept>>>,
}

type Connection = Exchange<Full<Bytes>>;

struct Kept {
    url: String,
    connection: Connection,
}

/// The leader was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseQuestionError {
    /// The URL is none.
    #[error(transparent)]
    Url(UrlError),
    /// It answered that it cannot.
    #[error(transparent)]
    Refused(LeaseRefusal),
    /// There was no answer, or no usable one; the reason in a few words.
    #[error("{0}")]
    Failed(String),
}

impl Transport {
    /// A client for questions about leases.
    pub fn lease_client(&self) -> LeaseClient {
        LeaseClient(Arc::new(Inner {
            shared: Arc::clone(&self.inner.shared),
            places: Semaphore::new(QUESTIONS),
            idle: Mutex::default(),
        }))
    }
}

impl LeaseClient {
    /// Has the member at `url` renew a lease, and gives the seconds that it lives from then on.
    ///
    /// # Errors
    /// [`LeaseQuestionError`]. It may have been renewed all the same.
    pub async fn renew(&self, url: &str, id: i64, patience: Duration) -> Result<i64, LeaseQuestionError> {
        let question = LeaseKeepAliveRequest { id }.encode_to_vec();
        let answer: LeaseKeepAliveResponse = self.ask(url, RENEW, question.into(), patience).await?;
        if answer.id != id {
            return Err(LeaseQuestionError::Failed("lease: renew id mismatch".to_owned()));
        }
        Ok(answer.ttl)
    }

    /// Asks the member at `url` what is left of a lease, and, if wanted, which keys it has.
    ///
    /// # Errors
    /// [`LeaseQuestionError`].
    pub async fn time_to_live(
        &self,
        url: &str,
        id: i64,
        keys: bool,
        patience: Duration,
    ) -> Result<LeaseTimeToLiveResponse, LeaseQuestionError> {
        let question =
            LeaseInternalRequest { lease_time_to_live_request: Some(LeaseTimeToLiveRequest { id, keys }) };
        let answer: LeaseInternalResponse =
            self.ask(url, INTERNAL, question.encode_to_vec().into(), patience).await?;
        answer
            .lease_time_to_live_response
            .filter(|found| found.id == id)
            .ok_or_else(|| LeaseQuestionError::Failed("lease: TTL id mismatch".to_owned()))
    }

    async fn ask<M: Message + Default>(
        &self,
        url: &str,
        path: &str,
        question: Bytes,
        patience: Duration,
    ) -> Result<M, LeaseQuestionError> {
        let bytes = timeout(patience, self.exchange(url, path, question))
            .await
            .map_err(|_| LeaseQuestionError::Failed(ExchangeError::Timeout.to_string()))??;
        M::decode(bytes).map_err(|error| LeaseQuestionError::Failed(error.to_string()))
    }

    async fn exchange(&self, url: &str, path: &str, question: Bytes) -> Result<Bytes, LeaseQuestionError> {
        let _place = self.0.places.acquire().await.map_err(|error| failed(&error))?;
        let target = PeerUrl::parse(url).map_err(LeaseQuestionError::Url)?;
        // The other side closes connections that were idle for a while: such a one tells nothing about the leader.
        while let Some(connection) = self.0.take(url) {
            match self.once(connection, &target, path, question.clone()).await {
                Err(Trouble::Connection(_)) => {}
                Err(Trouble::Answer(error)) => return Err(error),
                Ok(answer) => return Ok(answer),
            }
        }
        let connection =
            Exchange::open(&self.0.shared.connector(), &target).await.map_err(|error| failed(&error))?;
        match self.once(connection, &target, path, question).await {
            Err(Trouble::Connection(error)) => Err(failed(&error)),
            Err(Trouble::Answer(error)) => Err(error),
            Ok(answer) => Ok(answer),
        }
    }

    async fn once(
        &self,
        mut connection: Connection,
        url: &PeerUrl,
        path: &str,
        question: Bytes,
    ) -> Result<Bytes, Trouble> {
        let mut request = request(&self.0.shared, Method::POST, url, path, Full::new(question));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        let (head, body) = connection.send(request).await.map_err(Trouble::Connection)?.into_parts();
        let body = connection.read(body, ANSWER_LIMIT).await.map_err(Trouble::Connection)?;
        if connection.is_open() {
            self.0.keep(url.as_str(), connection);
        }
        match head.status {
            StatusCode::OK => Ok(body),
            status => Err(Trouble::Answer(meaning(status, &body))),
        }
    }
}

enum Trouble {
    Connection(ExchangeError),
    Answer(LeaseQuestionError),
}

impl Inner {
    /// A kept connection to this URL. Those to others are of a former leader, and go.
    fn take(&self, url: &str) -> Option<Connection> {
        let mut idle = self.idle.lock();
        let kept = idle.get_mut(&thread::current().id())?;
        let url = url.trim_end_matches('/');
        while let Some(last) = kept.pop() {
            if last.url == url {
                return Some(last.connection);
            }
        }
        None
    }

    fn keep(&self, url: &str, connection: Connection) {
        let mut idle = self.idle.lock();
        let kept = idle.entry(thread::current().id()).or_default();
        if kept.len() < QUESTIONS {
            kept.push(Kept { url: url.to_owned(), connection });
        }
    }
}

fn meaning(status: StatusCode, said: &[u8]) -> LeaseQuestionError {
    let said = String::from_utf8_lossy(said);
    let said = said.trim_end();
    let refusal = match status {
        StatusCode::NOT_FOUND if said == LeaseRefusal::NotFound.to_string() => LeaseRefusal::NotFound,
        StatusCode::REQUEST_TIMEOUT => LeaseRefusal::Behind,
        _ if said == LeaseRefusal::NotPrimary.to_string() => LeaseRefusal::NotPrimary,
        _ => {
            let said: String = said.chars().take(200).collect();
            return LeaseQuestionError::Failed(format!("unexpected answer {status}: {said}"));
        }
    };
    LeaseQuestionError::Refused(refusal)
}

fn failed(error: &dyn std::error::Error) -> LeaseQuestionError {
    LeaseQuestionError::Failed(error.to_string())
}
