//! Why a member does not start, as its operator reads it.

use etcd_bootstrap::BootstrapError;
use etcd_transport::UrlError;

use crate::adapters::TokenError;
use crate::data_dir::DataDirError;
use crate::listeners::ListenError;
use crate::log::LogOpenError;
use crate::process::DescriptorLimit;
use crate::tls::TlsError;
use crate::traces::TracesError;

/// Why a member does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The initial cluster makes no sense, or cannot be joined.
    #[error("{}", .0.etcd_text())]
    Bootstrap(#[from] BootstrapError),
    /// The name server for DNS discovery cannot be used.
    #[error("error setting up initial cluster: {0}")]
    NameServer(#[from] etcd_dns::ResolverError),
    /// One of certificate and key for the discovery service is missing.
    #[error("--discovery-cert and --discovery-key must both be set")]
    HalfDiscoveryPair,
    /// The certificates for the discovery service cannot be used.
    #[error("cannot set up TLS for the discovery service")]
    DiscoveryTls(#[source] etcd_tls::LoadError),
    /// A port has no certificate.
    #[error(transparent)]
    Listeners(#[from] etcd_config::Failure),
    /// Certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A port cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// `--auth-token` cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The process may not open enough files.
    #[error(transparent)]
    Descriptors(#[from] DescriptorLimit),
    /// The database cannot be opened.
    #[error("cannot open the database")]
    Storage(#[from] etcd_storage::OpenError),
    /// A received database cannot be put in place.
    #[error("cannot put a received database in place")]
    Replace(#[from] etcd_storage::ReplaceError),
    /// The database holds something else than a member's state.
    #[error("cannot read the member's state from the database")]
    Machine(#[from] etcd_apply::OpenError),
    /// The log cannot be used.
    #[error(transparent)]
    Log(#[from] LogOpenError),
    /// Log and database do not belong together, or Raft refuses them.
    #[error("cannot start raft")]
    Raft(#[from] etcd_consensus::StartError),
    /// A peer's URL is malformed.
    #[error("cannot connect to a member")]
    Peer(#[from] UrlError),
    /// The key space cannot be watched.
    #[error("cannot start the watch hub")]
    Watch(#[from] etcd_watch::StartError),
    /// Traces cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// A thread cannot be started.
    #[error("cannot start the client port's threads")]
    Workers(#[from] etcd_api::StartError),
}

impl StartError {
    /// What to print on standard error: the first line says what is wrong and begins with `etcd: `, the rest how to
    /// mend it.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Bootstrap(error) => bootstrap_lines(error),
            other => {
                let mut line = format!("etcd: {other}");
                let mut source = std::error::Error::source(other);
                while let Some(cause) = source {
                    line += &format!(": {cause}");
                    source = cause.source();
                }
                std::iter::once(line).chain(other.hint().map(|hint| format!("hint: {hint}"))).collect()
            }
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Tls(error) => error.hint(),
            Self::Listeners(_) => {
                "set --cert-file and --key-file (--peer-cert-file and --peer-key-file for peer URLs), \
                                   or --auto-tls (--peer-auto-tls), or listen on http URLs"
                    .to_owned()
            }
            Self::Listen(ListenError::Bind { .. }) => {
                "another process has this address, or it is not one of this host's; \
                 see --listen-client-urls and --listen-peer-urls"
                    .to_owned()
            }
            Self::Storage(etcd_storage::OpenError::Locked { .. })
            | Self::Log(LogOpenError::Open(etcd_wal::OpenError::Locked { .. })) => {
                "another etcd runs on this --data-dir; stop it, or choose another directory".to_owned()
            }
            Self::NameServer(_) => "correct --discovery-srv-nameserver, such as 10.0.1.53:53".to_owned(),
            Self::Traces(_) => "give it as host:port, such as localhost:4317".to_owned(),
            Self::DiscoveryTls(_) => {
                "--discovery-cacert, --discovery-cert and --discovery-key name PEM files".to_owned()
            }
            _ => return None,
        })
    }
}

fn bootstrap_lines(error: &BootstrapError) -> Vec<String> {
    let mut lines = vec![error.guide_line()];
    if lines[0] != format!("etcd: {}", error.etcd_text()) {
        lines.push(error.etcd_text());
    }
    lines.push(format!("hint: {}", error.hint()));
    lines
}
