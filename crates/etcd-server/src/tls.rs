//! TLS of both ports, from the flags.

mod metrics;
mod options;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use etcd_config::Config;
use etcd_tls::auto::{self, AutoError};
use etcd_tls::{Acceptor, LoadError, Tls};

pub(crate) use metrics::register;

/// Handshakes at once on one port; one more ends the oldest.
const MAX_HANDSHAKES: usize = 1024;

/// Handshakes on a port for so many connections: those that stall leave half of it to the others.
fn max_handshakes(connections: usize) -> usize {
    (connections / 2).min(MAX_HANDSHAKES)
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Certificates of the client port.
    #[error(transparent)]
    Client(LoadError),
    /// Certificates of the peer port.
    #[error(transparent)]
    Peer(LoadError),
    /// A certificate of its own cannot be made.
    #[error(transparent)]
    Auto(#[from] AutoError),
}

impl TlsError {
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Client(error) => error.hint(""),
            Self::Peer(error) => error.hint("peer-"),
            Self::Auto(AutoError::Validity) => {
                "set --self-signed-cert-validity to 1 or more years".to_owned()
            }
            Self::Auto(_) => "let etcd write to its --data-dir, or give it a certificate".to_owned(),
        }
    }
}

/// The TLS of a member.
#[derive(Clone)]
pub(crate) struct MemberTls {
    /// None when no client URL is secure.
    client: Option<Arc<Tls>>,
    peer: Arc<Tls>,
    auto: Vec<Auto>,
}

/// A certificate that the member makes and renews itself.
#[derive(Clone)]
struct Auto {
    directory: std::path::PathBuf,
    hosts: Vec<String>,
    years: u64,
}

impl Auto {
    fn ensure(&self) -> Result<etcd_tls::Pair, AutoError> {
        auto::ensure(&self.directory, &self.hosts, self.years, SystemTime::now())
    }
}

impl MemberTls {
    /// Reads the files; makes certificates where the flags ask for it.
    ///
    /// # Errors
    /// [`TlsError`] for the first thing that cannot be used.
    pub(crate) fn load(config: &Config, is_first_start: bool) -> Result<Self, TlsError> {
        for name in options::weak_suites(config) {
            tracing::warn!(name, "a weak cipher suite is left out");
        }
        let mut own = Vec::new();
        let mut made = |flag: bool, name: &str, hosts: Vec<String>| -> Result<_, AutoError> {
            if !flag {
                return Ok(None);
            }
            let directory = fixtures(&config.data_dir, name);
            let auto = Auto { directory, hosts, years: config.self_signed_cert_validity };
            let pair = auto.ensure()?;
            own.push(auto);
            Ok(Some(pair))
        };
        let mut peer = options::peer(config, is_first_start).map_err(TlsError::Peer)?;
        if let Some(pair) = made(options::peer_is_auto(config), "peer", options::peer_hosts(config))? {
            peer.server = Some(pair);
        }
        let mut client = options::client(config).map_err(TlsError::Client)?;
        if let Some(pair) = made(options::client_is_auto(config), "client", options::client_hosts(config))? {
            client.server = Some(pair);
        }
        let peer = Tls::load(peer).map_err(TlsError::Peer)?;
        let client = if options::is_client_secure(config) {
            Some(Tls::load(client).map_err(TlsError::Client)?)
        } else {
            None
        };
        Ok(Self { client, peer, auto: own })
    }

    /// For whom this member connects to.
    pub(crate) fn peer(&self) -> Arc<Tls> {
        Arc::clone(&self.peer)
    }

    /// For a port that has so many connections at most.
    pub(crate) fn peer_acceptor(&self, connections: usize) -> Acceptor {
        Acceptor::new("peer", self.peer(), max_handshakes(connections))
    }

    /// For all client ports together, of which each has so many connections at most.
    pub(crate) fn client_acceptor(&self, connections: usize) -> Option<Acceptor> {
        self.client.clone().map(|tls| Acceptor::new("client", tls, max_handshakes(connections)))
    }

    /// With the names that the log and the metrics have for them.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&'static str, &Arc<Tls>)> {
        std::iter::once(("peer", &self.peer)).chain(self.client.as_ref().map(|tls| ("client", tls)))
    }

    /// Whether there are files that may change.
    pub(crate) fn has_files(&self) -> bool {
        self.ports().any(|(_, port)| port.has_files())
    }

    /// Renews the certificates that are the member's own and about to end.
    pub(crate) fn renew(&self) {
        for auto in &self.auto {
            if let Err(error) = auto.ensure() {
                tracing::error!(%error, directory = %auto.directory.display(), "could not renew the certificate");
            }
        }
    }
}

/// For asking other members before this one exists: as later, without a certificate of its own making.
///
/// # Errors
/// `Peer` when the files cannot be used.
pub(crate) fn for_questions(config: &Config) -> Result<Arc<Tls>, TlsError> {
    options::peer(config, true).and_then(Tls::load).map_err(TlsError::Peer)
}

fn fixtures(data_dir: &Path, name: &str) -> std::path::PathBuf {
    data_dir.join("fixtures").join(name)
}
