//! Counters under etcd's names, and the page that shows every crate's metrics.
//!
//! Crates register with `prometheus-client`, whose own text form (OpenMetrics) etcd's users do not expect;
//! [`encode`] writes the form that they do.

mod clients;
mod member;
mod process;
mod rpcs;
mod text;

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

pub use member::register_member;
pub use process::register_process;
pub use text::{CONTENT_TYPE, encode};

use clients::Clients;
pub(crate) use rpcs::{Handled, Rpcs};

/// What the API counts. A cheap handle; the hot path looks up no label.
#[derive(Clone)]
pub struct Metrics {
    rpcs: Arc<Rpcs>,
    clients: Arc<Clients>,
    health_success: Counter,
    health_failures: Counter,
}

impl Metrics {
    /// Creates the counters and registers them: `grpc_server_*`, `etcd_network_client_grpc_*`,
    /// `etcd_server_client_requests_total`, `etcd_server_health_*`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            rpcs: Arc::default(),
            clients: Arc::new(Clients::register(registry)),
            health_success: Counter::default(),
            health_failures: Counter::default(),
        };
        registry.register_collector(Box::new(Arc::clone(&metrics.rpcs)));
        registry.register(
            "etcd_server_health_success",
            "The total number of successful health checks",
            metrics.health_success.clone(),
        );
        registry.register(
            "etcd_server_health_failures",
            "The total number of failed health checks",
            metrics.health_failures.clone(),
        );
        metrics
    }

    pub(crate) fn rpcs(&self) -> &Rpcs {
        &self.rpcs
    }

    pub(crate) fn count_client(&self, version: &str, is_stream: bool) {
        self.clients.count(version, is_stream);
    }

    pub(crate) fn count_health(&self, healthy: bool) {
        let counter = if healthy { &self.health_success } else { &self.health_failures };
        counter.inc();
    }
}

#[cfg(test)]
mod tests;
