//! Where tokens are kept: an etcd cluster with the v2 keys API.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use url::form_urlencoded::Serializer;

/// How long a request that does not wait may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Largest answer that is read as a whole.
const MAX_ANSWER: usize = 4 << 20;

/// No endpoint gave an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The client cannot be made.
    #[error("cannot set up the HTTP client of the storage")]
    Client(#[source] reqwest::Error),
    /// There is nowhere to ask.
    #[error("no endpoint of the storage is given")]
    NoEndpoint,
    /// The last endpoint's failure.
    #[error("the storage does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// An answer that is too large.
    #[error("the storage's answer is too large")]
    TooLarge,
}

/// A client of the storage. A cheap handle.
#[derive(Debug, Clone)]
pub struct Storage {
    client: reqwest::Client,
    endpoints: Arc<[String]>,
    /// The endpoint that answered last.
    current: Arc<AtomicUsize>,
}

/// An answer that was read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: http::StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A request to `/v2/keys`.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Below `/v2/keys`, with a slash at its front.
    pub(crate) key: &'a str,
    pub(crate) query: Vec<(&'a str, String)>,
    pub(crate) form: Vec<(&'a str, String)>,
}

impl<'a> Request<'a> {
    pub(crate) fn get(key: &'a str) -> Self {
        Self { method: Method::GET, key, query: Vec::new(), form: Vec::new() }
    }

    pub(crate) fn put(key: &'a str, form: Vec<(&'a str, String)>) -> Self {
        Self { method: Method::PUT, key, query: Vec::new(), form }
    }

    pub(crate) fn query(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

impl Storage {
    /// A client of the cluster at these URLs, such as `http://127.0.0.1:2379`. Where they are `https`, the system's
    /// certificates are trusted.
    ///
    /// # Errors
    /// Without endpoints, or when TLS cannot be set up.
    pub fn new(endpoints: impl IntoIterator<Item = String>) -> Result<Self, StorageError> {
        Self::made(endpoints, None)
    }

    /// The same; `tls` says whom to trust, and what to show.
    ///
    /// # Errors
    /// Without endpoints, or when TLS cannot be set up.
    pub fn with_tls(
        endpoints: impl IntoIterator<Item = String>,
        tls: rustls::ClientConfig,
    ) -> Result<Self, StorageError> {
        Self::made(endpoints, Some(tls))
    }

    fn made(
        endpoints: impl IntoIterator<Item = String>,
        tls: Option<rustls::ClientConfig>,
    ) -> Result<Self, StorageError> {
        let endpoints: Arc<[String]> =
            endpoints.into_iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        if endpoints.is_empty() {
            return Err(StorageError::NoEndpoint);
        }
        // Fails when the process has one already, which is as good.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let builder = match tls {
            Some(tls) => reqwest::Client::builder().tls_backend_preconfigured(tls),
            None => reqwest::Client::builder(),
        };
        let client = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(StorageError::Client)?;
        Ok(Self { client, endpoints, current: Arc::default() })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn ask(&self, request: &Request<'_>) -> Result<Answer, StorageError> {
        let mut response = self.send(request, Some(TIMEOUT)).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(StorageError::Unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(StorageError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// Sends a request; the answer's body is still to come. Tries the next endpoint only where the first did not even
    /// take the connection: a write must not be made twice.
    pub(crate) async fn send(
        &self,
        request: &Request<'_>,
        timeout: Option<Duration>,
    ) -> Result<reqwest::Response, StorageError> {
        let first = self.current.load(Ordering::Relaxed);
        let mut last = None;
        for step in 0..self.endpoints.len() {
            let at = (first + step) % self.endpoints.len();
            match self.build(&self.endpoints[at], request, timeout).send().await {
                Ok(response) => {
                    self.current.store(at, Ordering::Relaxed);
                    return Ok(response);
                }
                Err(error) if error.is_connect() || request.method == Method::GET => last = Some(error),
                Err(error) => return Err(StorageError::Unreachable(error)),
            }
        }
        Err(last.map_or(StorageError::NoEndpoint, StorageError::Unreachable))
    }

    fn build(
        &self,
        endpoint: &str,
        request: &Request<'_>,
        timeout: Option<Duration>,
    ) -> reqwest::RequestBuilder {
        let mut url = format!("{endpoint}/v2/keys{}", request.key);
        if !request.query.is_empty() {
            url.push('?');
            url += &encode(&request.query);
        }
        let mut builder = self.client.request(request.method.clone(), url);
        if !request.form.is_empty() {
            builder = builder
                .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(encode(&request.form));
        }
        match timeout {
            Some(timeout) => builder.timeout(timeout),
            None => builder,
        }
    }
}

fn encode(fields: &[(&str, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}
