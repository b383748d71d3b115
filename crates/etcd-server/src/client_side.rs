//! What the flags mean for the side that clients see: ports, limits, metrics.

use std::time::Duration;

use etcd_api::metrics::Detail;
use etcd_api::{ServeOptions, Surface};
use etcd_config::Config;
use tracing::warn;

use crate::listeners::{self, ClientPort, ListenError, SocketOptions};
use crate::process;

/// The least `--watch-progress-notify-interval`, as in etcd.
const MIN_WATCH_PROGRESS: Duration = Duration::from_millis(100);

/// `--grpc-keepalive-min-time` when it is 0: etcd leaves it to gRPC then.
///
/// # Source
/// grpc-go `internal/transport/defaults.go`.
const GRPC_MIN_TIME: Duration = Duration::from_secs(5 * 60);

/// Every port that clients may use, and what it is for.
pub(crate) async fn bind_clients(
    config: &Config,
    sockets: SocketOptions,
) -> Result<Vec<(Surface, ClientPort)>, ListenError> {
    let is_split = config.listen_client_http_urls.iter().next().is_some();
    let mut ports = Vec::new();
    for (surface, urls) in [
        (if is_split { Surface::Grpc } else { Surface::All }, &config.listen_client_urls),
        (Surface::Http, &config.listen_client_http_urls),
        (Surface::Metrics, &config.listen_metrics_urls),
    ] {
        let opened = listeners::bind_clients(urls.iter(), sockets).await?;
        ports.extend(opened.into_iter().map(|port| (surface, port)));
    }
    Ok(ports)
}

pub(crate) fn metrics_detail(config: &Config) -> Detail {
    if config.metrics == "extensive" { Detail::Extensive } else { Detail::Basic }
}

pub(crate) fn api_options(config: &Config) -> etcd_api::Options {
    let mut options = etcd_api::Options::default();
    options.max_request_bytes = config.max_request_bytes;
    options.max_txn_ops = config.max_txn_ops;
    options.gateway = config.enable_grpc_gateway;
    options.cors.clone_from(&config.cors);
    options.host_whitelist.clone_from(&config.host_whitelist);
    options.command_line = process::command_line();
    options.warning_unary_request_duration = config.warning_unary_request_duration;
    options.election_timeout = config.election_timeout;
    options.watch_progress_interval = watch_progress_interval(config, options.watch_progress_interval);
    options
}

/// 0 leaves the default; less than the least is raised to it.
fn watch_progress_interval(config: &Config, default: Duration) -> Duration {
    let interval = config.watch_progress_notify_interval;
    if interval.is_zero() {
        return default;
    }
    if interval < MIN_WATCH_PROGRESS {
        let min_ms = MIN_WATCH_PROGRESS.as_millis() as u64;
        warn!(min_ms, "raised --watch-progress-notify-interval to its minimum");
    }
    interval.max(MIN_WATCH_PROGRESS)
}

pub(crate) fn serve_options(config: &Config, descriptors: usize) -> ServeOptions {
    let mut options = ServeOptions::default();
    options.max_connections = options.max_connections.min(descriptors);
    options.max_concurrent_streams = config.max_concurrent_streams;
    let pings = !config.grpc_keepalive_interval.is_zero() && !config.grpc_keepalive_timeout.is_zero();
    options.keep_alive_interval = pings.then_some(config.grpc_keepalive_interval);
    options.keep_alive_timeout = config.grpc_keepalive_timeout;
    let min_time = config.grpc_keepalive_min_time;
    options.keep_alive_min_time = Some(if min_time.is_zero() { GRPC_MIN_TIME } else { min_time });
    options
}
