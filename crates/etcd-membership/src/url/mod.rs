//! The URLs that members listen on and advertise, with etcd's syntax rules and error texts.

mod list;
mod map;
mod parse;
#[cfg(test)]
mod tests;

pub use list::Urls;
pub use map::UrlsMap;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How a URL is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// TCP, plain text.
    Http,
    /// TCP with TLS.
    Https,
    /// A socket in the file system, plain text.
    Unix,
    /// A socket in the file system, with TLS.
    Unixs,
}

impl Scheme {
    fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "http" => Self::Http,
            "https" => Self::Https,
            "unix" => Self::Unix,
            "unixs" => Self::Unixs,
            _ => return None,
        })
    }

    /// Whether connections are encrypted.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Unixs)
    }

    /// Whether it names a socket in the file system.
    pub const fn is_unix(self) -> bool {
        matches!(self, Self::Unix | Self::Unixs)
    }
}

/// One URL, valid by etcd's rules; compares and sorts by its text, byte by byte.
///
/// The text is kept as it was given (only the scheme becomes lower case): member ids are hashes of it.
///
/// # Source
/// etcd `client/pkg/types/urls.go`, `NewURLs`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url {
    text: String,
}

impl Url {
    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is reached.
    pub fn scheme(&self) -> Scheme {
        self.text.split_once(':').and_then(|(scheme, _)| Scheme::from_text(scheme)).unwrap_or(Scheme::Http)
    }

    /// Host and port as written: `10.0.1.10:2380`, `[::1]:2380`; user information is not part of it.
    pub fn authority(&self) -> &str {
        &self.text[self.authority_range()]
    }

    /// The host without port and without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        parse::split_port(self.authority()).0
    }

    /// The port; 0 when the URL ends in a bare colon, `None` for a URL without a port (a unix socket).
    pub fn port(&self) -> Option<u16> {
        match parse::split_port(self.authority()).1? {
            "" => Some(0),
            digits => digits.parse().ok(),
        }
    }

    /// What follows the host, up to a query: the file of a unix socket; empty for the others.
    pub fn path(&self) -> &str {
        let rest = &self.text[self.authority_range().end..];
        &rest[..rest.find(['?', '#']).unwrap_or(rest.len())]
    }

    /// The file of a unix socket: host and path together, as Go's etcd joins them (`unix://name:0` is a
    /// file too). `None` for TCP.
    pub fn socket_path(&self) -> Option<String> {
        self.scheme().is_unix().then(|| format!("{}{}", self.authority(), self.path()))
    }

    /// The same URL with another host and the same port.
    #[must_use]
    pub fn with_host(&self, host: &str) -> Self {
        let Some(port) = parse::split_port(self.authority()).1 else { return self.clone() };
        let host = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        self.with_authority(&host)
    }

    /// The same URL with another host and port, such as `10.0.1.10:2380`.
    #[must_use]
    pub fn with_authority(&self, authority: &str) -> Self {
        let range = self.authority_range();
        if range.is_empty() {
            return self.clone();
        }
        Self { text: format!("{}{authority}{}", &self.text[..range.start], &self.text[range.end..]) }
    }

    fn authority_range(&self) -> Range<usize> {
        let colon = self.text.find(':').map_or(0, |colon| colon + 1);
        if !self.text[colon..].starts_with("//") {
            // `unix:/path`, without a host.
            return colon..colon;
        }
        let start = colon + 2;
        let end = self.text[start..].find(['/', '?', '#']).map_or(self.text.len(), |length| start + length);
        let user = self.text[start..end].rfind('@').map_or(0, |at| at + 1);
        start + user..end
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        parse::url(text).map(|text| Self { text })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl serde::Serialize for Url {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for Url {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text is not a URL, or not a list of URLs; the texts are etcd's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// An empty list.
    #[error("no valid URLs given")]
    None,
    /// Not a URL at all.
    #[error("parse {}: {reason}", crate::Quoted(url))]
    Syntax {
        /// The text as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No scheme, or one that members do not speak.
    #[error("URL scheme must be http, https, unix, or unixs: {0}")]
    Scheme(String),
    /// The port (or the brackets around an IPv6 address) is missing.
    #[error(r#"URL address does not have the form "host:port": {0}"#)]
    Address(String),
    /// More than scheme, host and port.
    #[error("URL must not contain a path: {0}")]
    Path(String),
}
