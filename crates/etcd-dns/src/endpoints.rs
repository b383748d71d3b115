//! Where clients connect to.

use crate::error::DnsError;
use crate::resolver::Resolver;
use crate::service::{CLIENTS, record_name, url, with_suffix};

/// The client URLs in the records of `domain`: those with TLS first, each kind by priority. `suffix` is empty for none.
///
/// # Errors
/// When neither kind has a record.
/// # Source
/// etcd `client/pkg/srv/srv.go`, `GetClient`.
pub async fn find_endpoints(
    domain: &str,
    suffix: &str,
    resolver: &Resolver,
) -> Result<Vec<String>, DnsError> {
    let [tls, plain] = CLIENTS.map(|(service, scheme)| (with_suffix(service, suffix), scheme));
    let (tls_name, plain_name) = (record_name(&tls.0, domain), record_name(&plain.0, domain));
    let (found_tls, found_plain) = tokio::join!(resolver.services(&tls_name), resolver.services(&plain_name));
    if let (Err(tls), Err(plain)) = (&found_tls, &found_plain) {
        return Err(DnsError::NoEndpoints { tls: tls.clone(), plain: plain.clone() });
    }
    let mut urls = Vec::new();
    for (found, scheme) in [(found_tls, tls.1), (found_plain, plain.1)] {
        let targets = found.unwrap_or_default();
        urls.extend(targets.iter().map(|target| url(scheme, &target.host, target.port)));
    }
    Ok(urls)
}
