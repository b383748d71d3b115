//! The `etcd-discovery-service` binary.
#![expect(clippy::print_stderr, reason = "a command-line program")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use etcd_discovery_service::{
    EmbeddedMember, EmbeddedOptions, Options, Rate, Service, Storage, keep_certificates, serve,
};
use etcd_server::logging::{self, Format, Output};
use etcd_tls::{Acceptor, Pair, Tls};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;
use tracing::level_filters::LevelFilter;

/// Handshakes at the same time.
const MAX_HANDSHAKES: usize = 1024;

/// The service at which etcd members find each other.
///
/// Without --endpoints it keeps its tokens in a member of etcd within this process.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8087", value_name = "HOST:PORT")]
    listen: SocketAddr,
    /// Certificate to show, PEM, leaf first: the port speaks TLS then; changed files are taken over
    #[arg(long, requires = "key_file", value_name = "FILE")]
    cert_file: Option<PathBuf>,
    /// Its key
    #[arg(long, requires = "cert_file", value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Address that clients know, such as https://discovery.example.com; by default each request's own
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Client URLs of the etcd cluster that keeps the tokens; it must serve the v2 API
    #[arg(long, value_delimiter = ',', value_name = "URL,…")]
    endpoints: Vec<String>,
    /// Authorities to trust for https endpoints, PEM [default: the system's]
    #[arg(long, requires = "endpoints", value_name = "FILE")]
    endpoints_cacert: Option<PathBuf>,
    /// Certificate to show to them
    #[arg(long, requires_all = ["endpoints", "endpoints_key"], value_name = "FILE")]
    endpoints_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, requires = "endpoints_cert", value_name = "FILE")]
    endpoints_key: Option<PathBuf>,
    /// Data directory of the member within
    #[arg(long, default_value = "discovery-service.etcd", value_name = "DIRECTORY")]
    data_dir: PathBuf,
    /// Client URL of the member within
    #[arg(long, default_value = "http://127.0.0.1:8089", value_name = "URL")]
    storage_client_url: String,
    /// Peer URL of the member within
    #[arg(long, default_value = "http://127.0.0.1:8090", value_name = "URL")]
    storage_peer_url: String,
    /// How long a token lives
    #[arg(long, default_value = "7days", value_parser = humantime::parse_duration, value_name = "DURATION")]
    token_ttl: Duration,
    /// Largest cluster
    #[arg(long, default_value_t = 64, value_name = "MEMBERS")]
    max_size: usize,
    /// New tokens that one address may have in a minute
    #[arg(long, default_value_t = 30, value_name = "COUNT")]
    new_per_minute: u32,
    /// Requests that one address may make in a minute
    #[arg(long, default_value_t = 1200, value_name = "COUNT")]
    requests_per_minute: u32,
    /// A proxy in front appends the client's address to X-Forwarded-For
    #[arg(long)]
    trust_forwarded_for: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(failure) = logging::init(LevelFilter::INFO, Format::Json, &[Output::Stderr]) {
        eprintln!("etcd-discovery-service: {failure}");
        return ExitCode::FAILURE;
    }
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("etcd-discovery-service: {failure:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let tls = tls(&arguments)?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let mut member = if arguments.endpoints.is_empty() {
        let options = EmbeddedOptions {
            data_dir: arguments.data_dir.clone(),
            client_url: arguments.storage_client_url.clone(),
            peer_url: arguments.storage_peer_url.clone(),
        };
        Some(EmbeddedMember::start(&options).await?)
    } else {
        None
    };
    let endpoints = match &member {
        Some(member) => vec![member.client_url().to_owned()],
        None => arguments.endpoints.clone(),
    };
    let service = Service::new(storage(endpoints, &arguments)?, options(&arguments));
    let address = listener.local_addr().unwrap_or(arguments.listen);
    info!(%address, tls = tls.is_some(), "serving the discovery protocol");
    let drain = CancellationToken::new();
    let keeping = tls.clone().map(|tls| tokio::spawn(keep_certificates(tls)));
    let acceptor = tls.map(|tls| Acceptor::new("client", tls, MAX_HANDSHAKES));
    let serving = tokio::spawn(serve(listener, service.router(), acceptor, drain.clone()));
    let failure = tokio::select! {
        () = shutdown_signal() => None,
        failure = async {
            match &mut member {
                Some(member) => member.ended().await,
                None => std::future::pending().await,
            }
        } => Some(failure),
    };
    drain.cancel();
    _ = serving.await;
    if let Some(keeping) = keeping {
        keeping.abort();
    }
    match (failure, member) {
        (Some(failure), _) => anyhow::bail!(failure),
        (None, Some(member)) => member.stop().await,
        (None, None) => {}
    }
    Ok(())
}

/// What the port shows, if it speaks TLS.
fn tls(arguments: &Arguments) -> anyhow::Result<Option<Arc<Tls>>> {
    let Some(server) = pair(&arguments.cert_file, &arguments.key_file) else { return Ok(None) };
    let server_alpn = vec![b"http/1.1".to_vec()];
    let options = etcd_tls::Options { server: Some(server), server_alpn, ..etcd_tls::Options::default() };
    Ok(Some(Tls::load(options).context("cannot use --cert-file and --key-file")?))
}

fn storage(endpoints: Vec<String>, arguments: &Arguments) -> anyhow::Result<Storage> {
    let client = pair(&arguments.endpoints_cert, &arguments.endpoints_key);
    if client.is_none() && arguments.endpoints_cacert.is_none() {
        return Ok(Storage::new(endpoints)?);
    }
    let trusted_ca = arguments.endpoints_cacert.clone();
    let options = etcd_tls::Options { client, trusted_ca, ..etcd_tls::Options::default() };
    let tls = etcd_tls::client_config(&options)
        .context("cannot use --endpoints-cacert, --endpoints-cert and --endpoints-key")?;
    Ok(Storage::with_tls(endpoints, tls)?)
}

fn pair(cert: &Option<PathBuf>, key: &Option<PathBuf>) -> Option<Pair> {
    Some(Pair { cert: cert.clone()?, key: key.clone()? })
}

fn options(arguments: &Arguments) -> Options {
    let minute = Duration::from_secs(60);
    let mut options = Options::default();
    options.is_secure = arguments.cert_file.is_some();
    options.base_url = arguments.base_url.clone();
    options.max_size = arguments.max_size.max(1);
    options.token_ttl = arguments.token_ttl;
    options.new_rate = Rate { count: arguments.new_per_minute, interval: minute };
    options.request_rate = Rate { count: arguments.requests_per_minute, interval: minute };
    options.trust_forwarded_for = arguments.trust_forwarded_for;
    options
}

/// Ready when the process is asked to stop.
async fn shutdown_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
