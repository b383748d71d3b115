//! What is asked of a certificate beyond a valid chain.

use std::fmt;
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, OtherError};

use crate::error::LoadError;
use crate::facts::Facts;
use crate::options::Options;
use crate::revoked::Revoked;

/// Allowed names, and revocation.
#[derive(Debug)]
pub(crate) struct Rules {
    names: Names,
    revoked: Arc<Revoked>,
}

#[derive(Debug, Clone)]
enum Names {
    Any,
    Common(Vec<String>),
    Host(Vec<ServerName<'static>>),
}

/// The certificate is valid, and not one of those that may connect.
#[derive(thiserror::Error)]
#[error("client certificate authentication failed")]
struct NotAllowed;

/// rustls shows errors of others by their debug text.
impl fmt::Debug for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Rules {
    pub(crate) fn new(options: &Options, revoked: Arc<Revoked>) -> Result<Self, LoadError> {
        let (cns, hostnames) = (&options.allowed_cns, &options.allowed_hostnames);
        let names = match (cns.is_empty(), hostnames.is_empty()) {
            (true, true) => Names::Any,
            (false, true) => Names::Common(cns.clone()),
            (true, false) => Names::Host(hostnames.iter().map(|name| host(name)).collect::<Result<_, _>>()?),
            (false, false) => {
                return Err(LoadError::ExclusiveNames { cns: cns.clone(), hostnames: hostnames.clone() });
            }
        };
        Ok(Self { names, revoked })
    }

    /// # Source
    /// etcd `client/pkg/transport/listener.go` `baseConfig`, `listener_tls.go` `checkCRL`.
    pub(crate) fn check(&self, chain: &[&CertificateDer<'_>]) -> Result<(), Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadEncoding);
        if !self.revoked.is_empty() {
            for certificate in chain {
                let facts = Facts::of(certificate).ok_or_else(bad)?;
                if self.revoked.contains(&facts) {
                    return Err(CertificateError::Revoked.into());
                }
            }
        }
        let leaf = chain.first().ok_or_else(bad)?;
        let allowed = match &self.names {
            Names::Any => true,
            Names::Common(names) => {
                // Go takes no common name for the empty one.
                let name = Facts::of(leaf).ok_or_else(bad)?.common_name.unwrap_or_default();
                names.contains(&name)
            }
            Names::Host(names) => {
                let parsed = ParsedCertificate::try_from(*leaf)?;
                names.iter().any(|name| verify_server_name(&parsed, name).is_ok())
            }
        };
        if allowed {
            return Ok(());
        }
        Err(CertificateError::Other(OtherError(Arc::new(NotAllowed))).into())
    }
}

pub(crate) fn host(name: &str) -> Result<ServerName<'static>, LoadError> {
    ServerName::try_from(name.to_owned()).map_err(|_| LoadError::Hostname { name: name.to_owned() })
}
