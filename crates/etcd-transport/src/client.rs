//! Asking a member about its cluster before being part of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcd_membership::{ClusterId, Member};
use etcd_tls::Tls;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::exchange::{Exchange, ExchangeError, host};
use crate::identity::{CLUSTER_ID, text};
use crate::net::Connector;
use crate::url::{PeerUrl, UrlError};

/// Room for some thousand members.
const BODY_LIMIT: usize = 1 << 20;

/// A member did not tell what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL is none.
    #[error("{0}")]
    Url(UrlError),
    /// There was no answer; the reason in a few words, such as `connection refused`.
    #[error("could not ask {url}: {reason}")]
    Unreachable {
        /// Whom.
        url: String,
        /// Why.
        reason: String,
    },
    /// The answer is not what a member gives.
    #[error("could not understand the answer of {url}: {reason}")]
    Answer {
        /// Whose.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What `/version` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Version of the server, `major.minor.patch`.
    #[serde(rename = "etcdserver")]
    pub server: String,
    /// Version of the cluster, or `not_decided`.
    #[serde(rename = "etcdcluster")]
    pub cluster: String,
    /// Version of the storage schema, or `unknown`; older members do not tell.
    #[serde(default)]
    pub storage: String,
}

/// Asks members over their peer URLs, one connection for each question.
#[derive(Debug, Clone, Default)]
pub struct PeerClient {
    tls: Option<Arc<Tls>>,
}

impl PeerClient {
    /// A client; without `tls` it cannot ask at https URLs.
    pub fn new(tls: Option<Arc<Tls>>) -> Self {
        Self { tls }
    }

    /// The members of the cluster that the member at `url` belongs to, and that cluster's id.
    ///
    /// # Errors
    /// [`FetchError`]; all of them may be different a moment later, except for a bad URL.
    pub async fn fetch_members(
        &self,
        url: &str,
        patience: Duration,
    ) -> Result<(ClusterId, Vec<Member>), FetchError> {
        let (headers, body) = self.get(url, "/members", patience).await?;
        let answer = |reason: String| FetchError::Answer { url: url.to_owned(), reason };
        let members = serde_json::from_slice::<Option<Vec<Member>>>(&body)
            .map_err(|error| answer(error.to_string()))?
            .unwrap_or_default();
        let cluster = text(&headers, &CLUSTER_ID)
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| answer("it names no cluster id".to_owned()))?;
        Ok((cluster, members))
    }

    /// The versions of the member at `url`.
    ///
    /// # Errors
    /// [`FetchError`]; all of them may be different a moment later, except for a bad URL.
    pub async fn fetch_version(&self, url: &str, patience: Duration) -> Result<Versions, FetchError> {
        let (_, body) = self.get(url, "/version", patience).await?;
        serde_json::from_slice(&body)
            .map_err(|error| FetchError::Answer { url: url.to_owned(), reason: error.to_string() })
    }

    /// Whether the cluster of the member at `url` is in a downgrade; members before 3.5 do not know the question.
    ///
    /// # Errors
    /// [`FetchError`]; all of them may be different a moment later, except for a bad URL.
    pub async fn fetch_downgrade_enabled(&self, url: &str, patience: Duration) -> Result<bool, FetchError> {
        let (_, body) = self.get(url, "/downgrade/enabled", patience).await?;
        match body.trim_ascii() {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(FetchError::Answer { url: url.to_owned(), reason: "neither true nor false".to_owned() }),
        }
    }

    async fn get(&self, url: &str, path: &str, patience: Duration) -> Result<(HeaderMap, Bytes), FetchError> {
        self.ask(url, path, Bytes::new(), patience).await
    }

    /// A GET with a body, as some of etcd's questions have one.
    pub(crate) async fn ask(
        &self,
        url: &str,
        path: &str,
        question: Bytes,
        patience: Duration,
    ) -> Result<(HeaderMap, Bytes), FetchError> {
        let peer = PeerUrl::parse(url).map_err(FetchError::Url)?;
        let connector = Connector { tls: self.tls.clone(), dial_timeout: patience, write_timeout: patience };
        match timeout(patience, exchange(&connector, &peer, path, question)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error @ (ExchangeError::Dial(_) | ExchangeError::Http(_)))) => {
                Err(FetchError::Unreachable { url: url.to_owned(), reason: error.to_string() })
            }
            Ok(Err(error)) => Err(FetchError::Answer { url: url.to_owned(), reason: error.to_string() }),
            Err(_) => {
                let reason = ExchangeError::Timeout.to_string();
                Err(FetchError::Unreachable { url: url.to_owned(), reason })
            }
        }
    }
}

async fn exchange(
    connector: &Connector,
    url: &PeerUrl,
    path: &str,
    question: Bytes,
) -> Result<(HeaderMap, Bytes), ExchangeError> {
    let mut exchange = Exchange::open(connector, url).await?;
    let mut request = Request::new(Full::new(question));
    *request.method_mut() = Method::GET;
    *request.uri_mut() = path.parse().unwrap_or_default();
    host(request.headers_mut(), url);
    let response = exchange.send(request).await?;
    if response.status() != StatusCode::OK {
        return Err(exchange.refusal(response).await);
    }
    let (head, body) = response.into_parts();
    let body = exchange.read(body, BODY_LIMIT).await?;
    Ok((head.headers, body))
}
