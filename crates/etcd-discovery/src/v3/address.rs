//! Where an endpoint is.

use std::fmt;

use crate::error::DiscoveryError;

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl Address {
    /// Reads `host:port`, `http://host:port` or `https://host:port`; without a scheme, TLS is used if it can be.
    pub(super) fn parse(text: &str, has_tls: bool) -> Result<Self, DiscoveryError> {
        let invalid =
            |reason: &str| DiscoveryError::InvalidUrl { url: text.to_owned(), reason: reason.to_owned() };
        let (tls, rest) = match text.split_once("://") {
            None => (has_tls, text),
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return Err(invalid("the scheme must be http or https")),
        };
        if tls && !has_tls {
            return Err(invalid("there are no certificates to trust for https"));
        }
        let (host, port) =
            rest.trim_end_matches('/').rsplit_once(':').ok_or_else(|| invalid("it is not host:port"))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().map_err(|_| invalid("its port is not a number"))?;
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(invalid("it is not host:port"));
        }
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_decide_about_tls() {
        for (text, has_tls, shown) in [
            ("10.0.1.5:2379", false, "http://10.0.1.5:2379"),
            ("10.0.1.5:2379", true, "https://10.0.1.5:2379"),
            ("http://etcd.example.com:2379/", true, "http://etcd.example.com:2379"),
            ("https://[::1]:2379", true, "https://[::1]:2379"),
        ] {
            assert_eq!(Address::parse(text, has_tls).unwrap().to_string(), shown);
        }
        for text in ["", "host", "host:", ":2379", "host:99999", "ftp://host:1", "https://host:1", "u:p@h:1"]
        {
            let error = Address::parse(text, false).unwrap_err();
            assert!(matches!(error, DiscoveryError::InvalidUrl { .. }), "{text}: {error:?}");
        }
    }
}
