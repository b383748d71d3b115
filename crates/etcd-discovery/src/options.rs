//! Which service, and how it is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::pauses::{Pauses, RealPauses};

/// A v2 discovery service.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct V2Options {
    /// `--discovery`: the token's URL, used as it is; ids are made from its text.
    pub url: String,
    /// `--discovery-proxy`: an HTTP proxy, with or without `http://`; empty for none. The environment's proxies are
    /// not used.
    pub proxy: Password,
    /// For `https`: whom to trust, and the client certificate. With `None` an `https` URL is refused.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Limit for one request, with its redirects. etcd: 5 s.
    pub request_timeout: Duration,
    /// Limit for one wait for news; then the members are asked for again. etcd: none.
    pub wait_timeout: Duration,
    /// How pauses between attempts pass.
    pub pauses: Arc<dyn Pauses>,
}

impl V2Options {
    /// The service at this URL, without proxy and TLS, with etcd's limits.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            proxy: Password::default(),
            tls: None,
            request_timeout: Duration::from_secs(5),
            wait_timeout: Duration::from_secs(60),
            pauses: Arc::new(RealPauses),
        }
    }
}

/// A v3 discovery service: an etcd cluster.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct V3Options {
    /// `--discovery-token`: names the cluster to be; ids are made from it.
    pub token: String,
    /// `--discovery-endpoints`: `host:port`, `http://host:port` or `https://host:port`.
    pub endpoints: Vec<String>,
    /// Whom to trust, and the client certificate. Endpoints with `https` need it; those without a scheme take it when
    /// it is there.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// `--discovery-user`; empty for none.
    pub user: String,
    /// `--discovery-password`.
    pub password: Password,
    /// `--discovery-dial-timeout`: limit for connecting to one endpoint.
    pub dial_timeout: Duration,
    /// `--discovery-request-timeout`: limit for one request.
    pub request_timeout: Duration,
    /// `--discovery-keepalive-time`: time between two pings. At least 10 s are used, as gRPC has it: servers hang up
    /// on clients that ping more often.
    pub keepalive_time: Duration,
    /// `--discovery-keepalive-timeout`: how long the answer to a ping may take.
    pub keepalive_timeout: Duration,
    /// Limit for one wait for news; then the members are asked for again. etcd: none.
    pub wait_timeout: Duration,
    /// How pauses between attempts pass.
    pub pauses: Arc<dyn Pauses>,
}

impl V3Options {
    /// The cluster at these endpoints, without TLS and user, with etcd's limits.
    pub fn new(token: &str, endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            token: token.to_owned(),
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            user: String::new(),
            password: Password::default(),
            dial_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
            keepalive_time: Duration::from_secs(2),
            keepalive_timeout: Duration::from_secs(6),
            wait_timeout: Duration::from_secs(60),
            pauses: Arc::new(RealPauses),
        }
    }
}

/// A text that does not show in debug output.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "\"***\"" })
    }
}
