//! A member of etcd in this process, as storage for who has none.

use std::ffi::OsString;
use std::path::PathBuf;

use etcd_config::Invocation;
use etcd_server::{Ended, Member, StartError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::info;

/// Where the member lives.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Its client URL; only this service uses it, so loopback does.
    pub client_url: String,
    /// Its peer URL; nobody uses it.
    pub peer_url: String,
}

/// The member did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Its URLs or its directory are not what flags of etcd may be.
    #[error("the embedded member cannot be configured: {0}")]
    Flags(String),
    /// It could not start.
    #[error("cannot start the embedded member")]
    Start(#[from] StartError),
}

/// A member that runs in this process.
#[derive(Debug)]
pub struct EmbeddedMember {
    stop: oneshot::Sender<()>,
    running: JoinHandle<Ended>,
    client_url: String,
}

impl EmbeddedMember {
    /// Starts the member, on the data that it had before if there is any.
    ///
    /// # Errors
    /// When it cannot start.
    pub async fn start(options: &EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let mut data_dir = OsString::from("--data-dir=");
        data_dir.push(&options.data_dir);
        let (client, peer) = (&options.client_url, &options.peer_url);
        let flags = [
            "--name=discovery".to_owned(),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=discovery={peer}"),
            "--enable-v2=true".to_owned(),
        ];
        let arguments = flags.into_iter().map(OsString::from).chain([data_dir]);
        let config = match etcd_config::parse(arguments, []) {
            Ok(Invocation::Run(config, _notices)) => config,
            Ok(_) => return Err(EmbeddedError::Flags("it is not told to run".to_owned())),
            Err(failure) => return Err(EmbeddedError::Flags(failure.to_string())),
        };
        let member = Member::start(&config).await?;
        info!(member_id = %member.id(), client_url = client, "started the embedded member");
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(member.run(async move { _ = stopped.await }));
        Ok(Self { stop, running, client_url: client.clone() })
    }

    /// Where it is reached.
    pub fn client_url(&self) -> &str {
        &self.client_url
    }

    /// Ready when it has ended by itself; then it cannot go on.
    pub async fn ended(&mut self) -> String {
        match (&mut self.running).await {
            Ok(ended) => format!("the embedded member ended: {ended:?}"),
            Err(error) => format!("the embedded member ended: {error}"),
        }
    }

    /// Stops it in order.
    pub async fn stop(self) {
        _ = self.stop.send(());
        _ = self.running.await;
    }
}
