//! What the flags of one port say.

use std::path::PathBuf;

use crate::suites::CipherSuites;

/// A certificate (with its intermediates, leaf first) and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificates.
    pub cert: PathBuf,
    /// The key: PKCS#1, PKCS#8 or SEC1; RSA, ECDSA on P-256 or P-384, or Ed25519.
    pub key: PathBuf,
}

/// A version of TLS; there are no older ones here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// What one port, and the client beside it, are to do. The default trusts the system's certificates and has none of
/// its own.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Shown to those who connect to us. Without it there is no server configuration.
    pub server: Option<Pair>,
    /// Shown to those whom we connect to, when it is not `server`.
    pub client: Option<Pair>,
    /// Whom to trust, PEM; without it, the system's certificates. For a server, having it means that clients must
    /// show a certificate.
    pub trusted_ca: Option<PathBuf>,
    /// Clients must show a certificate.
    pub client_cert_auth: bool,
    /// Revoked certificates, PEM or DER.
    pub crl: Option<PathBuf>,
    /// When not empty: the other side's certificate must carry one of these common names.
    pub allowed_cns: Vec<String>,
    /// When not empty: the other side's certificate must be valid for one of these host names or addresses.
    pub allowed_hostnames: Vec<String>,
    /// Cipher suites of TLS 1.2.
    pub cipher_suites: CipherSuites,
    /// Oldest version; none is TLS 1.2.
    pub min_version: Option<Version>,
    /// Newest version; none is the newest there is.
    pub max_version: Option<Version>,
    /// Servers that we connect to are not verified: encryption without identity.
    pub skip_verify: bool,
    /// The name that servers' certificates must carry, instead of the host that was dialled.
    pub server_name: Option<String>,
    /// Protocols offered to clients, by preference, such as `h2`.
    pub server_alpn: Vec<Vec<u8>>,
    /// Protocols offered to servers.
    pub client_alpn: Vec<Vec<u8>>,
}

impl Options {
    /// Whether those who connect must show a certificate.
    pub const fn requires_client_certificate(&self) -> bool {
        self.client_cert_auth || self.trusted_ca.is_some()
    }

    /// The pair for connecting to others.
    pub(crate) fn outgoing(&self) -> Option<&Pair> {
        self.client.as_ref().or(self.server.as_ref())
    }
}
