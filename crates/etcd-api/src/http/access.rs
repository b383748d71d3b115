//! Which browsers and which host names plain HTTP is for: `--cors` and `--host-whitelist`.
//!
//! Source: etcd `server/embed/serve.go`, `accessController`.

use std::collections::HashSet;

use axum::response::IntoResponse as _;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use super::text;
use crate::grpc::Body;

/// The two lists.
pub(crate) struct Access {
    origins: Names,
    hosts: Names,
}

/// Names, or all of them.
struct Names(Option<HashSet<String>>);

impl Names {
    /// An empty list, or one with `*`, is no restriction.
    fn new(names: &[String]) -> Self {
        let all = names.is_empty() || names.iter().any(|name| name == "*");
        Self((!all).then(|| names.iter().cloned().collect()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }

    const fn are_all(&self) -> bool {
        self.0.is_none()
    }
}

impl Access {
    pub(crate) fn new(origins: &[String], hosts: &[String]) -> Self {
        Self { origins: Names::new(origins), hosts: Names::new(hosts) }
    }

    /// The answer to a request that goes no further: one that asks for a foreign host in plain text, or a browser's
    /// question beforehand. `encrypted`: over TLS the certificate already says which host this is.
    pub(crate) fn answer<B>(&self, request: &Request<B>, encrypted: bool) -> Option<Response<Body>> {
        let host = host(request);
        if !encrypted && !self.hosts.has(host) {
            tracing::debug!(host, "refused an HTTP request for a host that is not on --host-whitelist");
            return Some(text(StatusCode::MISDIRECTED_REQUEST, &misdirected(host)).map(Body::http));
        }
        (request.method() == Method::OPTIONS).then(|| {
            let mut response = StatusCode::OK.into_response().map(Body::http);
            self.permit(request.headers().get(header::ORIGIN), response.headers_mut());
            response
        })
    }

    /// Tells a browser that it may read the answer.
    pub(crate) fn permit(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        let allowed = if self.origins.are_all() {
            HeaderValue::from_static("*")
        } else {
            let known = origin.filter(|origin| origin.to_str().is_ok_and(|origin| self.origins.has(origin)));
            let Some(origin) = known else { return };
            origin.clone()
        };
        let methods = HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE");
        let headers = HeaderValue::from_static("accept, content-type, authorization");
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers);
    }
}

/// The host that is asked for, without its port.
fn host<B>(request: &Request<B>) -> &str {
    let named = request.uri().authority().map(|authority| authority.as_str());
    let header = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    without_port(named.or_else(header).unwrap_or_default())
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(host, |(address, _)| address);
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

fn misdirected(host: &str) -> String {
    format!(
        "This etcd member does not answer plain HTTP requests for the host {host:?}: a page on another site could \
         have sent them (DNS rebinding, CVE-2018-5702). Use https, or name the host in the member's configuration: \
         --host-whitelist {host:?}\n"
    )
}

#[cfg(test)]
mod tests;
