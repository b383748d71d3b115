//! Peer URLs, and which of a peer's URLs to try.

use std::fmt;

use http::Uri;
use http::uri::Scheme;
use parking_lot::Mutex;

/// A text is not the URL of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It has not the form `scheme://host:port`.
    #[error("bad peer URL {text:?}: want http://host:port or https://host:port")]
    Form {
        /// The text.
        text: String,
    },
    /// A peer without any URL cannot be reached.
    #[error("peer has no URL")]
    None,
}

/// Where a peer listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerUrl {
    text: String,
    pub(crate) tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As the `Host` header wants it.
    pub(crate) authority: String,
}

impl PeerUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let bad = || UrlError::Form { text: text.to_owned() };
        let uri: Uri = text.parse().map_err(|_| bad())?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(bad()),
        };
        let authority = uri.authority().ok_or_else(bad)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().ok_or_else(bad)?;
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(bad());
        }
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            tls,
            host: host.to_owned(),
            port,
            authority: authority.as_str().to_owned(),
        })
    }

    pub(crate) fn parse_all(urls: &[String]) -> Result<Vec<Self>, UrlError> {
        if urls.is_empty() {
            return Err(UrlError::None);
        }
        urls.iter().map(|url| Self::parse(url)).collect()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Remembers which of a peer's URLs worked last.
///
/// # Source
/// etcd `server/etcdserver/api/rafthttp/urlpick.go`.
#[derive(Debug)]
pub(crate) struct UrlPicker {
    state: Mutex<(Vec<PeerUrl>, usize)>,
}

impl UrlPicker {
    /// `urls` is not empty.
    pub(crate) fn new(urls: Vec<PeerUrl>) -> Self {
        assert!(!urls.is_empty(), "a peer has at least one URL");
        Self { state: Mutex::new((urls, 0)) }
    }

    pub(crate) fn update(&self, urls: Vec<PeerUrl>) {
        assert!(!urls.is_empty(), "a peer has at least one URL");
        *self.state.lock() = (urls, 0);
    }

    pub(crate) fn pick(&self) -> PeerUrl {
        let state = self.state.lock();
        state.0[state.1].clone()
    }

    /// This URL failed: the next pick is another one, if there is one.
    pub(crate) fn unreachable(&self, url: &PeerUrl) {
        let mut state = self.state.lock();
        let (urls, picked) = &mut *state;
        if urls[*picked] == *url {
            *picked = (*picked + 1) % urls.len();
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.state.lock().0.iter().map(|url| url.text.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
