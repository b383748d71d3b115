//! Cipher suites by Go's names, and versions.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion, version};

use crate::error::LoadError;
use crate::options::{Options, Version};

/// Which cipher suites TLS 1.2 may use; the default is all there are. Those of TLS 1.3 are always on, as in Go.
#[derive(Debug, Clone, Default)]
pub struct CipherSuites {
    names: Vec<String>,
    chosen: Vec<SupportedCipherSuite>,
}

/// Suites that Go has and this server does not, because they are weak.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnavailableSuites(pub Vec<String>);

/// Go's names of what can be used; two have an older, shorter one.
const AVAILABLE: [(&str, SupportedCipherSuite); 8] = [
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// Suites of TLS 1.3, which cannot be chosen.
const ALWAYS: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// Without forward secrecy, without authenticated encryption, or broken.
const WEAK: [&str; 14] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
];

/// Also weak; Go lists them apart because they hash with SHA-256.
const WEAK_SHA256: [&str; 2] =
    ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"];

impl CipherSuites {
    /// Reads `--cipher-suites`, and tells which of them are left out because they are weak.
    ///
    /// # Errors
    /// `CipherSuite` for a name that Go does not know either.
    pub fn parse(names: &[String]) -> Result<(Self, UnavailableSuites), LoadError> {
        let mut chosen = Vec::new();
        let mut left_out = Vec::new();
        for name in names {
            let name = name.trim();
            if let Some((_, suite)) = AVAILABLE.iter().find(|(known, _)| *known == name) {
                chosen.push(*suite);
            } else if WEAK.contains(&name) || WEAK_SHA256.contains(&name) {
                left_out.push(name.to_owned());
            } else if !ALWAYS.contains(&name) {
                return Err(LoadError::CipherSuite { name: name.to_owned() });
            }
        }
        Ok((Self { names: names.to_vec(), chosen }, UnavailableSuites(left_out)))
    }
}

/// Which suites our own connections ask for first: those of the least work, where processors have AES. The order of a
/// client that connects to us is its own.
///
/// # Source
/// Go `crypto/tls/cipher_suites.go`, whose order clients and members of a Go etcd have, too.
fn rank(suite: CipherSuite) -> u8 {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => 0,
        CipherSuite::TLS13_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => 1,
        _ => 2,
    }
}

/// The provider with the suites that `options` allow, and the versions.
///
/// # Errors
/// `NoCipherSuite` when nothing is left.
pub(crate) fn provider(
    options: &Options,
) -> Result<(Arc<CryptoProvider>, Vec<&'static SupportedProtocolVersion>), LoadError> {
    let suites = &options.cipher_suites;
    let mut provider = ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| rank(suite.suite()));
    if !suites.names.is_empty() {
        provider.cipher_suites.retain(|suite| suite.tls13().is_some());
        provider.cipher_suites.extend(suites.chosen.iter().copied());
    }
    let min = options.min_version.unwrap_or(Version::V1_2);
    let max = options.max_version.unwrap_or(Version::V1_3);
    let has_1_2 = provider.cipher_suites.iter().any(|suite| suite.tls13().is_none());
    let mut versions = Vec::new();
    if max >= Version::V1_3 {
        versions.push(&version::TLS13);
    }
    if min <= Version::V1_2 && has_1_2 {
        versions.push(&version::TLS12);
    }
    if versions.is_empty() {
        return Err(LoadError::NoCipherSuite { names: suites.names.clone() });
    }
    Ok((Arc::new(provider), versions))
}
