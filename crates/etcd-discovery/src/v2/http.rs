//! HTTP with a service that may be anything: bounded in bytes, redirects and time.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Proxy, Response, StatusCode};
use tokio::time::timeout;
use url::Url;

use crate::error::DiscoveryError;
use crate::options::V2Options;
use crate::retry::Failure;

/// Largest body; room for ten thousand members.
const BODY_LIMIT: usize = 4 << 20;

/// As etcd's own client has it.
const MOST_REDIRECTS: usize = 10;

/// The token's URL, and how to talk to whatever is there.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    base: Url,
    request_timeout: Duration,
}

/// An answer, whatever its status below 500.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// `X-Etcd-Index`
    pub(super) index: Option<u64>,
    pub(super) body: Vec<u8>,
}

struct Request<'a> {
    method: Method,
    url: Url,
    form: Option<&'a str>,
}

impl Http {
    pub(super) fn new(options: &V2Options) -> Result<Self, DiscoveryError> {
        let invalid =
            |reason: String| DiscoveryError::InvalidUrl { url: without_password(&options.url), reason };
        let mut base = Url::parse(&options.url).map_err(|error| invalid(error.to_string()))?;
        match base.scheme() {
            "http" => {}
            "https" if options.tls.is_some() => {}
            "https" => return Err(invalid("there are no certificates to trust for https".to_owned())),
            other => return Err(invalid(format!("the scheme must be http or https, not {other}"))),
        }
        if base.host().is_none() {
            return Err(invalid("it has no host".to_owned()));
        }
        base.set_query(None);
        base.set_fragment(None);
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        let client = client(options).map_err(|error| match error {
            ClientError::Proxy(reason) => DiscoveryError::InvalidProxy { reason },
            ClientError::Other(reason) => invalid(reason),
        })?;
        Ok(Self { client, base, request_timeout: options.request_timeout })
    }

    /// Where the service is: scheme, host and port.
    pub(super) fn place(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// The token's URL, without a password.
    pub(super) fn shown(&self) -> String {
        without_password(self.base.as_str())
    }

    pub(super) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Reply, Failure> {
        self.wait(path, query, self.request_timeout).await
    }

    /// A `GET` that may take long.
    pub(super) async fn wait(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        limit: Duration,
    ) -> Result<Reply, Failure> {
        let request = Request { method: Method::GET, url: self.url(path, query), form: None };
        self.exchange(request, limit).await
    }

    pub(super) async fn put(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        value: &str,
    ) -> Result<Reply, Failure> {
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("value", value).finish();
        let request = Request { method: Method::PUT, url: self.url(path, query), form: Some(&form) };
        self.exchange(request, self.request_timeout).await
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    async fn exchange(&self, request: Request<'_>, limit: Duration) -> Result<Reply, Failure> {
        match timeout(limit, self.follow(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Silence),
        }
    }

    /// Sends, and sends again where a redirect says, with the same method and body: registering must not turn into
    /// asking on the way.
    async fn follow(&self, mut request: Request<'_>) -> Result<Reply, Failure> {
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(&request).await?;
            if !response.status().is_redirection() {
                return finish(response).await;
            }
            request.url = redirected(&request.url, &response)?;
        }
        Err(bad(format!("it redirects more than {MOST_REDIRECTS} times")))
    }

    async fn send(&self, request: &Request<'_>) -> Result<Response, Failure> {
        let mut builder = self.client.request(request.method.clone(), request.url.clone());
        if let Some(form) = request.form {
            builder = builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.to_owned());
        }
        builder.send().await.map_err(|error| Failure::Passing(reason(&error)))
    }
}

enum ClientError {
    Proxy(String),
    Other(String),
}

fn client(options: &V2Options) -> Result<Client, ClientError> {
    let tls = match &options.tls {
        Some(tls) => rustls::ClientConfig::clone(tls),
        None => trusting_nobody()?,
    };
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .user_agent(concat!("etcd-discovery/", env!("CARGO_PKG_VERSION")));
    let proxy = options.proxy.expose();
    if !proxy.is_empty() {
        let address = if proxy.starts_with("http") { proxy.to_owned() } else { format!("http://{proxy}") };
        Url::parse(&address).map_err(|error| ClientError::Proxy(error.to_string()))?;
        builder = builder.proxy(Proxy::all(&address).map_err(|error| ClientError::Proxy(reason(&error)))?);
    }
    builder.build().map_err(|error| ClientError::Other(reason(&error)))
}

/// The HTTP client wants a TLS configuration also when it is not needed.
fn trusting_nobody() -> Result<rustls::ClientConfig, ClientError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Other(error.to_string()))?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

async fn finish(mut response: Response) -> Result<Reply, Failure> {
    let status = response.status();
    if status.is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
    {
        return Err(Failure::Passing(format!("the discovery service answers {status}")));
    }
    let index = response.headers().get("x-etcd-index").and_then(|index| index.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::Passing(reason(&error)))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(bad(format!("its answer is longer than {BODY_LIMIT} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, index, body })
}

fn redirected(from: &Url, response: &Response) -> Result<Url, Failure> {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let Some(to) = location.and_then(|location| from.join(location).ok()) else {
        return Err(bad(format!("it answers {status} without saying where to go")));
    };
    let is_safe = to.scheme() == "https" || (to.scheme() == "http" && from.scheme() == "http");
    if !is_safe {
        return Err(bad(format!("it redirects from {} to {}", from.scheme(), to.scheme())));
    }
    Ok(to)
}

fn bad(reason: String) -> Failure {
    DiscoveryError::BadEndpoint { reason }.into()
}

/// The innermost cause says what happened, and names no URL.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = match error.source() {
        Some(source) => source,
        None => return error.to_string(),
    };
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(std::io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(std::io::ErrorKind::ConnectionReset) => "connection reset by peer".to_owned(),
        _ => crate::error::shorten(&cause.to_string()),
    }
}

/// A URL for people: what stands between the first `//` and an `@` is left out.
fn without_password(url: &str) -> String {
    let Some(start) = url.find("//").map(|slashes| slashes + 2) else { return url.to_owned() };
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |length| start + length);
    match url[start..end].rfind('@') {
        Some(at) => format!("{}{}", &url[..start], &url[start + at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_show() {
        for (url, shown) in [
            ("http://user:secret@h:1/t", "http://h:1/t"),
            ("http://h:1/t@x", "http://h:1/t@x"),
            ("http://a@b@h/t?x=1", "http://h/t?x=1"),
            ("no url", "no url"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn the_token_is_used_as_it_is() {
        let http = Http::new(&V2Options::new("http://h:1/v2/keys/discovery/t/")).unwrap();
        let url = http.url(&["_config", "size"], &[("quorum", "false")]);
        assert_eq!(url.as_str(), "http://h:1/v2/keys/discovery/t/_config/size?quorum=false");
        assert_eq!(http.url(&[], &[("wait", "true")]).as_str(), "http://h:1/v2/keys/discovery/t?wait=true");
        assert_eq!(
            (http.place(), http.shown()),
            ("http://h:1".into(), "http://h:1/v2/keys/discovery/t".into())
        );
    }

    #[test]
    fn urls_that_lead_nowhere() {
        for url in ["", "t", "ftp://h/t", "https://h/t", "http:///", "http://[::1"] {
            assert!(
                matches!(Http::new(&V2Options::new(url)), Err(DiscoveryError::InvalidUrl { .. })),
                "{url}"
            );
        }
        let proxied = |proxy: &str| {
            let options = V2Options { proxy: crate::Password::new(proxy), ..V2Options::new("http://h/t") };
            Http::new(&options).map(|_| ())
        };
        for proxy in ["http://[::1", "http://user:secret@[::1", "[::1"] {
            let error = proxied(proxy).unwrap_err();
            assert!(matches!(error, DiscoveryError::InvalidProxy { .. }), "{proxy}: {error:?}");
            assert!(!format!("{error:?} {error}").contains("secret"));
        }
        for proxy in ["10.0.0.1:3128", "http://10.0.0.1:3128", "https://proxy:3129"] {
            proxied(proxy).unwrap();
        }
    }
}
