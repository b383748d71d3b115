//! What a listener accepts.

use std::time::Duration;

/// What a request may be, and how long it may take.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// `--max-request-bytes`; gRPC messages may be 512 KiB larger, for what surrounds a value.
    pub max_request_bytes: usize,
    /// `--max-txn-ops`.
    pub max_txn_ops: usize,
    /// `--warning-unary-request-duration`; zero turns the log of slow calls off.
    pub warning_unary_request_duration: Duration,
    /// How long `/health` waits for its read.
    pub health_timeout: Duration,
    /// How long a client may take to send a request.
    pub request_read_timeout: Duration,
    /// `--watch-progress-notify-interval`: how often a watcher that wants it is told that there was nothing for it.
    pub watch_progress_interval: Duration,
    /// `--election-timeout`: streams that need a leader end after three of these without one.
    pub election_timeout: Duration,
    /// Bytes of requests above 64 KiB that may be held at once, over all connections.
    pub max_inflight_bytes: usize,
    /// `--enable-grpc-gateway`: whether `/v3/…` answers JSON.
    pub gateway: bool,
    /// `--cors`: origins that browsers may call from; `*` for all.
    pub cors: Vec<String>,
    /// `--host-whitelist`: hosts that HTTP requests without TLS may ask for; `*` for all.
    pub host_whitelist: Vec<String>,
    /// How the process was started, as `/debug/vars` shows it. Without secrets.
    pub command_line: Vec<String>,
}

impl Default for Options {
    /// etcd's defaults where it has one.
    fn default() -> Self {
        Self {
            max_request_bytes: 3 << 19,
            max_txn_ops: 128,
            warning_unary_request_duration: Duration::from_millis(300),
            health_timeout: Duration::from_secs(7),
            request_read_timeout: Duration::from_secs(30),
            watch_progress_interval: Duration::from_secs(10 * 60),
            election_timeout: Duration::from_secs(1),
            max_inflight_bytes: 512 << 20,
            gateway: true,
            cors: vec!["*".to_owned()],
            host_whitelist: vec!["*".to_owned()],
            command_line: Vec::new(),
        }
    }
}

impl Options {
    /// What gRPC itself accepts.
    pub(crate) const fn receive_limit(&self) -> usize {
        self.max_request_bytes + (512 << 10)
    }
}
