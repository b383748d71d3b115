//! Whether a member's certificate fits the address that it connects from.

use std::net::IpAddr;

use tokio::net::lookup_host;
use tokio::task::spawn_blocking;

use crate::facts::Facts;

/// The certificate belongs to somebody at another address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It names addresses, and not this one.
    #[error("x509: certificate is valid for {}, not {remote}", join(addresses))]
    Address {
        /// Where the connection comes from.
        remote: IpAddr,
        /// The addresses in the certificate.
        addresses: Vec<IpAddr>,
    },
    /// It names hosts, and none of them is there.
    #[error("tls: \"{remote}\" does not match any of DNSNames {names:?}{}", because(reason.as_deref()))]
    Names {
        /// Where the connection comes from.
        remote: IpAddr,
        /// The host names in the certificate.
        names: Vec<String>,
        /// The last look-up that failed, in the system's words.
        reason: Option<String>,
    },
    /// It is no certificate.
    #[error("x509: malformed certificate")]
    Malformed,
}

/// Checks that a certificate fits `remote`: one with addresses must carry it; otherwise, and when it also carries host
/// names, one of these must lead there by look-up, or `remote` must lead to one of them by reverse look-up (wildcards
/// only so). A certificate without any of both fits every address.
///
/// Looks names up with the system's resolver; the caller bounds the time.
///
/// # Errors
/// [`AddressError`] when it does not fit.
/// # Source
/// etcd `client/pkg/transport/listener_tls.go` `checkCertSAN`.
pub async fn check(certificate: &[u8], remote: IpAddr) -> Result<(), AddressError> {
    let facts = Facts::of(certificate).ok_or(AddressError::Malformed)?;
    let remote = remote.to_canonical();
    if facts.addresses.contains(&remote) || (facts.addresses.is_empty() && facts.dns_names.is_empty()) {
        return Ok(());
    }
    if facts.dns_names.is_empty() {
        return Err(AddressError::Address { remote, addresses: facts.addresses });
    }
    let mut reason = None;
    match spawn_blocking(move || dns_lookup::lookup_addr(&remote)).await {
        Ok(Ok(name)) if carries(&facts.dns_names, &name) => return Ok(()),
        Ok(Ok(_)) => {}
        Ok(Err(error)) => reason = Some(error.to_string()),
        Err(error) => reason = Some(error.to_string()),
    }
    for name in facts.dns_names.iter().filter(|name| !name.starts_with("*.")) {
        match lookup_host((name.as_str(), 0)).await {
            Ok(mut found) => {
                if found.any(|found| found.ip().to_canonical() == remote) {
                    return Ok(());
                }
            }
            Err(error) => reason = Some(error.to_string()),
        }
    }
    Err(AddressError::Names { remote, names: facts.dns_names, reason })
}

/// Whether the host name `found` is one of `names`, or falls under a wildcard of theirs.
pub(crate) fn carries(names: &[String], found: &str) -> bool {
    let found = found.strip_suffix('.').unwrap_or(found);
    names.iter().any(|name| match name.strip_prefix('*') {
        Some(domain) if domain.starts_with('.') => found.ends_with(domain),
        _ => name == found,
    })
}

fn join(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

fn because(reason: Option<&str>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}
