//! Why TLS cannot be set up.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Certificates, keys or options cannot be used. Where etcd has words for it, these are etcd's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A certificate without key, or the other way round.
    #[error("KeyFile and CertFile must both be present[key: {key}, cert: {cert}]")]
    HalfPair {
        /// As given; may be empty.
        cert: String,
        /// As given; may be empty.
        key: String,
    },
    /// The same, of the pair for connecting to others.
    #[error(
        "ClientKeyFile and ClientCertFile must both be present or both absent: key: {key}, cert: {cert}]"
    )]
    HalfClientPair {
        /// As given; may be empty.
        cert: String,
        /// As given; may be empty.
        key: String,
    },
    /// A file cannot be read.
    #[error("open {}: {}", path.display(), Reason(cause))]
    Open {
        /// The file.
        path: PathBuf,
        /// Why; part of the text, and so no source of its own.
        cause: io::Error,
    },
    /// A file has no certificate.
    #[error("tls: failed to find any PEM data in certificate input: {} has no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file has no key.
    #[error("tls: failed to find any PEM data in key input: {} has no private key", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A key is protected with a password.
    #[error("the private key in {} is encrypted", path.display())]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// A file holds something else.
    #[error("cannot read {}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key of a kind that cannot be used.
    #[error("the private key in {} cannot be used: {reason}", path.display())]
    UnsupportedKey {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Certificate and key do not belong together.
    #[error("tls: private key does not match public key: {} is not the key of {}", key.display(), cert.display())]
    KeyMismatch {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Two lists of names of which only one can apply.
    #[error(
        "AllowedCNs and AllowedHostnames are mutually exclusive (cns={}, hostnames={})",
        List(cns),
        List(hostnames)
    )]
    ExclusiveNames {
        /// Common names.
        cns: Vec<String>,
        /// Host names.
        hostnames: Vec<String>,
    },
    /// Names are to be checked in certificates that are not verified.
    #[error("names of certificates cannot be checked when certificates are not verified")]
    NamesUnverified,
    /// A name is none.
    #[error("{name:?} is neither a host name nor an address")]
    Hostname {
        /// As given.
        name: String,
    },
    /// A cipher suite that nobody knows.
    #[error("unexpected TLS cipher suite {name:?}")]
    CipherSuite {
        /// As given.
        name: String,
    },
    /// Nothing is left to speak.
    #[error("none of the cipher suites {} can be used with these TLS versions", List(names))]
    NoCipherSuite {
        /// As given.
        names: Vec<String>,
    },
    /// The system has no certificates to trust.
    #[error("the system has no certificates to trust: {reason}")]
    NoSystemRoots {
        /// Why.
        reason: String,
    },
    /// rustls refuses the whole.
    #[error("cannot set up TLS: {0}")]
    Rustls(rustls::Error),
}

impl LoadError {
    /// What to do, naming the flags of a port; `prefix` is empty for the client port and `peer-` for the peer port.
    pub fn hint(&self, prefix: &str) -> String {
        match self {
            Self::HalfPair { .. } => format!("set both --{prefix}cert-file and --{prefix}key-file"),
            Self::HalfClientPair { .. } => {
                let prefix = if prefix.is_empty() { "client-" } else { "peer-client-" };
                format!("set both --{prefix}cert-file and --{prefix}key-file, or none")
            }
            Self::Open { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
                "let the user that etcd runs as read the file".to_owned()
            }
            Self::Open { .. } | Self::Malformed { .. } | Self::NoCertificate { .. } | Self::NoKey { .. } => {
                format!(
                    "--{prefix}cert-file, --{prefix}key-file and --{prefix}trusted-ca-file name PEM files; relative \
                     paths begin in the directory where etcd was started"
                )
            }
            Self::EncryptedKey { .. } => {
                "remove the password, e.g. with 'openssl pkey', and give the file mode 0600".to_owned()
            }
            Self::UnsupportedKey { .. } => {
                "use an RSA key of 2048 bits or more, an ECDSA key on P-256 or P-384, or an Ed25519 key"
                    .to_owned()
            }
            Self::KeyMismatch { .. } => format!(
                "check that --{prefix}cert-file and --{prefix}key-file belong together, and that the member's own \
                 certificate is the first one in its file"
            ),
            Self::ExclusiveNames { .. } => {
                format!("set --{prefix}cert-allowed-cn or --{prefix}cert-allowed-hostname, not both")
            }
            Self::NamesUnverified => format!(
                "--{prefix}cert-allowed-cn and --{prefix}cert-allowed-hostname need --{prefix}cert-file and \
                 --{prefix}trusted-ca-file; certificates of --{prefix}auto-tls carry no verified names"
            ),
            Self::Hostname { .. } => format!("correct --{}cert-allowed-hostname", or_client(prefix)),
            Self::CipherSuite { .. } | Self::NoCipherSuite { .. } => {
                "see docs/security.md for the names of --cipher-suites".to_owned()
            }
            Self::NoSystemRoots { .. } => format!("set --{prefix}trusted-ca-file"),
            Self::Rustls(_) => "check the certificates with 'openssl x509 -text'".to_owned(),
        }
    }
}

fn or_client(prefix: &str) -> &str {
    if prefix.is_empty() { "client-" } else { prefix }
}

/// The operating system's words as Go prints them.
struct Reason<'a>(&'a io::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let words = text.split(" (os error").next().unwrap_or(&text);
        let mut letters = words.chars();
        letters.next().map_or(Ok(()), |first| write!(f, "{}{}", first.to_lowercase(), letters.as_str()))
    }
}

/// A list as Go quotes it.
struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted: Vec<String> = self.0.iter().map(|word| format!("{word:?}")).collect();
        write!(f, "[{}]", quoted.join(" "))
    }
}

pub(crate) fn malformed(path: &Path, reason: impl fmt::Display) -> LoadError {
    LoadError::Malformed { path: path.to_owned(), reason: reason.to_string() }
}
