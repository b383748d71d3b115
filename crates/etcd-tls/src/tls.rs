//! The configurations of one port, made from files and made again when those change.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::client::{Resumption, danger::ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use crate::error::LoadError;
use crate::facts::Facts;
use crate::options::{Options, Pair};
use crate::pem;
use crate::revoked::Revoked;
use crate::roots::Roots;
use crate::rules::{self, Rules};
use crate::suites;
use crate::verify::{ClientVerifier, NoVerifier, ServerVerifier};

/// What a certificate in a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Shown to those who connect to us.
    Server,
    /// Shown to those whom we connect to.
    Client,
    /// Trusted.
    Authority,
}

/// When a certificate in use ends; of several in one file, the first to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for.
    pub role: Role,
    /// Where it came from.
    pub path: PathBuf,
    /// The end of its validity.
    pub not_after: SystemTime,
}

/// What looking at the files came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change {
    /// They are as before, or as bad as the last time.
    None,
    /// New connections use what is in them now.
    Reloaded,
    /// They cannot be used; what was loaded before stays in use. Told once for each state of the files.
    Refused(LoadError),
}

/// TLS of one port: what it shows, whom it trusts. Shared by its listeners and its dialers.
///
/// A handshake takes the configuration that is current when it begins. Sessions are never resumed: each connection is
/// verified against the certificates and lists of its own time.
#[derive(Debug)]
pub struct Tls {
    options: Options,
    loaded: ArcSwap<Loaded>,
    /// The state of files that could not be used.
    refused: Mutex<Option<Vec<Stamp>>>,
}

#[derive(Debug)]
struct Loaded {
    server: Option<Arc<ServerConfig>>,
    /// Made when first needed if it needs the system's certificates.
    client: OnceLock<Arc<ClientConfig>>,
    certificates: Vec<Certificate>,
    stamps: Vec<Stamp>,
    /// When a trusted certificate begins or ends.
    changes: Option<SystemTime>,
}

/// Tells whether a file is still the same; `None` when it is not there.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl Tls {
    /// Reads the files of `options`.
    ///
    /// # Errors
    /// [`LoadError`] for the first thing that cannot be used.
    pub fn load(options: Options) -> Result<Arc<Self>, LoadError> {
        let loaded = load(&options, SystemTime::now())?;
        Ok(Arc::new(Self { options, loaded: ArcSwap::from_pointee(loaded), refused: Mutex::new(None) }))
    }

    /// For connections that we accept; `None` without a certificate.
    pub fn server_config(&self) -> Option<Arc<ServerConfig>> {
        self.loaded.load().server.clone()
    }

    /// For connections that we open.
    ///
    /// # Errors
    /// `NoSystemRoots` when the system's certificates are needed and there are none.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, LoadError> {
        let loaded = self.loaded.load();
        if let Some(client) = loaded.client.get() {
            return Ok(Arc::clone(client));
        }
        let made = Arc::new(client_config(&self.options)?);
        Ok(Arc::clone(loaded.client.get_or_init(|| made)))
    }

    /// The name that the certificate of a server at `host` must carry.
    ///
    /// # Errors
    /// `Hostname` when `host` is neither a name nor an address.
    pub fn server_name(&self, host: &str) -> Result<ServerName<'static>, LoadError> {
        rules::host(self.options.server_name.as_deref().unwrap_or(host))
    }

    /// What this was made from.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The certificates in use.
    pub fn certificates(&self) -> Vec<Certificate> {
        self.loaded.load().certificates.clone()
    }

    /// Whether it was made from files at all.
    pub fn has_files(&self) -> bool {
        !self.loaded.load().stamps.is_empty()
    }

    /// Looks whether a file has changed and takes it over. Reads the state of a handful of files when none has.
    pub fn check_files(&self) -> Change {
        let now = SystemTime::now();
        let loaded = self.loaded.load();
        let stamps = stamps(&self.options);
        let due = loaded.changes.is_some_and(|at| at <= now);
        if stamps == loaded.stamps && !due {
            *self.refused.lock() = None;
            return Change::None;
        }
        if self.refused.lock().as_ref() == Some(&stamps) {
            return Change::None;
        }
        match load(&self.options, now) {
            Ok(new) => {
                self.loaded.store(Arc::new(new));
                *self.refused.lock() = None;
                Change::Reloaded
            }
            Err(error) => {
                *self.refused.lock() = Some(stamps);
                Change::Refused(error)
            }
        }
    }
}

/// A configuration for connecting to others, made once. Of `options`, what concerns a server is not looked at.
///
/// # Errors
/// [`LoadError`] for the first thing that cannot be used.
pub fn client_config(options: &Options) -> Result<ClientConfig, LoadError> {
    let (provider, versions) = suites::provider(options)?;
    let roots = trusted(options, SystemTime::now())?;
    let revoked = revoked(options, roots.as_ref(), SystemTime::now())?;
    let key = options.outgoing().map(|pair| pem::certified_key(pair, &provider)).transpose()?;
    client(options, &provider, &versions, roots, &revoked, key)
}

fn load(options: &Options, now: SystemTime) -> Result<Loaded, LoadError> {
    // Taken first: a file that changes while it is read differs from its stamp afterwards.
    let stamps = stamps(options);
    let (provider, versions) = suites::provider(options)?;
    let roots = trusted(options, now)?;
    let revoked = revoked(options, roots.as_ref(), now)?;
    let mut certificates = Vec::new();
    if let (Some(path), Some(roots)) = (&options.trusted_ca, &roots) {
        certificates.extend(ending(Role::Authority, path, roots.ends.iter().copied()));
    }
    let changes = roots.as_ref().and_then(|roots| roots.changes);

    let mut server = None;
    if let Some(pair) = &options.server {
        let key = pem::certified_key(pair, &provider)?;
        certificates.extend(described(Role::Server, pair, &key, now));
        server = Some(Arc::new(self::server(options, &provider, &versions, roots.as_ref(), &revoked, key)?));
    }
    let client = OnceLock::new();
    let key = options.outgoing().map(|pair| pem::certified_key(pair, &provider)).transpose()?;
    if let (Some(pair), Some(key)) = (&options.client, &key) {
        certificates.extend(described(Role::Client, pair, key, now));
    }
    // The names and versions are checked now, even if the system's certificates are read later.
    Rules::new(options, Arc::clone(&revoked))?;
    if roots.is_some() || options.skip_verify {
        let made = self::client(options, &provider, &versions, roots, &revoked, key)?;
        let _new = client.set(Arc::new(made));
    }
    Ok(Loaded { server, client, certificates, stamps, changes })
}

fn trusted(options: &Options, now: SystemTime) -> Result<Option<Roots>, LoadError> {
    options.trusted_ca.as_deref().map(|path| Roots::of_file(path, now)).transpose()
}

fn revoked(options: &Options, roots: Option<&Roots>, now: SystemTime) -> Result<Arc<Revoked>, LoadError> {
    let subjects = roots.map_or(&[][..], |roots| &roots.subjects);
    let revoked = options.crl.as_deref().map(|path| Revoked::load(path, subjects, now)).transpose()?;
    Ok(Arc::new(revoked.unwrap_or_default()))
}

fn server(
    options: &Options,
    provider: &Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    roots: Option<&Roots>,
    revoked: &Arc<Revoked>,
    key: CertifiedKey,
) -> Result<ServerConfig, LoadError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(LoadError::Rustls)?;
    let builder = if options.requires_client_certificate() {
        let system;
        let roots = match roots {
            Some(roots) => roots,
            None => {
                system = Roots::of_system()?;
                &system
            }
        };
        let rules = Rules::new(options, Arc::clone(revoked))?;
        builder.with_client_cert_verifier(Arc::new(ClientVerifier::new(roots, rules, provider)?))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols.clone_from(&options.server_alpn);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn client(
    options: &Options,
    provider: &Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    roots: Option<Roots>,
    revoked: &Arc<Revoked>,
    key: Option<CertifiedKey>,
) -> Result<ClientConfig, LoadError> {
    let verifier: Arc<dyn ServerCertVerifier> = if options.skip_verify {
        if !options.allowed_cns.is_empty() || !options.allowed_hostnames.is_empty() {
            return Err(LoadError::NamesUnverified);
        }
        Arc::new(NoVerifier::new(provider))
    } else {
        let roots = roots.map_or_else(Roots::of_system, Ok)?;
        let rules = Rules::new(options, Arc::clone(revoked))?;
        Arc::new(ServerVerifier::new(&roots, rules, provider)?)
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .map_err(LoadError::Rustls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match key {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols.clone_from(&options.client_alpn);
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn ending(role: Role, path: &Path, ends: impl Iterator<Item = SystemTime>) -> Option<Certificate> {
    ends.min().map(|not_after| Certificate { role, path: path.to_owned(), not_after })
}

fn described(role: Role, pair: &Pair, key: &CertifiedKey, now: SystemTime) -> Option<Certificate> {
    let leaf = key.cert.first().and_then(|leaf| Facts::of(leaf))?;
    if now > leaf.not_after {
        tracing::warn!(path = %pair.cert.display(), "the certificate has expired: others will refuse it; put a new one in its place");
    } else if now < leaf.not_before {
        tracing::warn!(path = %pair.cert.display(), "the certificate is not valid yet: others will refuse it; check the clock");
    }
    let ends = key.cert.iter().filter_map(|certificate| Facts::of(certificate)).map(|facts| facts.not_after);
    ending(role, &pair.cert, ends)
}

fn stamps(options: &Options) -> Vec<Stamp> {
    let pairs = [&options.server, &options.client].into_iter().flatten();
    pairs
        .flat_map(|pair| [&pair.cert, &pair.key])
        .chain(&options.trusted_ca)
        .chain(&options.crl)
        .map(|path| stamp(path))
        .collect()
}

fn stamp(path: &Path) -> Stamp {
    let file = fs::metadata(path).ok()?;
    let changed = file.ctime() * 1_000_000_000 + file.ctime_nsec();
    Some((file.dev(), file.ino(), file.size(), file.mtime() * 1_000_000_000 + file.mtime_nsec(), changed))
}
