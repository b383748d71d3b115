//! Names of services.

/// What is looked for, and whether it speaks TLS.
pub(crate) const PEERS: [(&str, &str); 2] = [("etcd-server-ssl", "https"), ("etcd-server", "http")];
/// The same for clients.
pub(crate) const CLIENTS: [(&str, &str); 2] = [("etcd-client-ssl", "https"), ("etcd-client", "http")];

/// The service with its suffix, as `--discovery-srv-name` gives it.
pub(crate) fn with_suffix(service: &str, suffix: &str) -> String {
    if suffix.is_empty() { service.to_owned() } else { format!("{service}-{suffix}") }
}

/// The name of the SRV records.
pub(crate) fn record_name(service: &str, domain: &str) -> String {
    format!("_{service}._tcp.{domain}")
}

/// A URL of a target; an IPv6 address cannot be one.
pub(crate) fn url(scheme: &str, host: &str, port: u16) -> String {
    format!("{scheme}://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(
            record_name(&with_suffix("etcd-server", ""), "example.com"),
            "_etcd-server._tcp.example.com"
        );
        assert_eq!(with_suffix("etcd-client-ssl", "foo"), "etcd-client-ssl-foo");
    }
}
