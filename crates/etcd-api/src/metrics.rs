//! Counters under etcd's names, and the page that shows every crate's metrics.
//!
//! Crates register with `prometheus-client`, whose own text form (OpenMetrics) etcd's users do not expect;
//! [`encode`] writes the form that they do.

mod clients;
mod member;
mod process;
mod requests;
mod rpcs;
mod text;
mod times;
mod watches;

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use member::register_member;
pub(crate) use process::open_files_limit;
pub use process::register_process;
pub use text::{CONTENT_TYPE, encode};
pub use times::{FROM_1_MS, FROM_100_US, Times};

use crate::grpc::Rpc;
use clients::Clients;
use requests::Requests;
pub(crate) use rpcs::{Count, Handled, Ongoing, Rpcs};
use watches::WatchTimes;

/// `--metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// Everything but the next.
    #[default]
    Basic,
    /// Also how long each call takes, which costs a look at the clock and some memory a call.
    Extensive,
}

/// What the API counts. A cheap handle; the hot path looks up no label.
#[derive(Clone)]
pub struct Metrics {
    rpcs: Arc<Rpcs>,
    requests: Arc<Requests>,
    watches: Arc<WatchTimes>,
    clients: Arc<Clients>,
    health_success: Counter,
    health_failures: Counter,
    checks: Family<[(&'static str, &'static str); 2], Gauge>,
    check_counts: Family<[(&'static str, &'static str); 3], Counter>,
    pages: Family<[(&'static str, &'static str); 1], Counter>,
    open_pages: Gauge,
}

impl Metrics {
    /// Creates the counters and registers them: `grpc_server_*`, `etcd_network_client_grpc_*`,
    /// `etcd_server_client_requests_total`, `etcd_server_health*`.
    pub fn register(registry: &mut Registry) -> Self {
        Self::register_as(registry, Detail::Basic)
    }

    /// The same, with `grpc_server_handling_seconds` when `detail` asks for it.
    pub fn register_as(registry: &mut Registry, detail: Detail) -> Self {
        let metrics = Self {
            rpcs: Arc::new(Rpcs::new(detail)),
            requests: Arc::default(),
            watches: Arc::default(),
            clients: Arc::new(Clients::register(registry)),
            health_success: Counter::default(),
            health_failures: Counter::default(),
            checks: Family::default(),
            check_counts: Family::default(),
            pages: Family::default(),
            open_pages: Gauge::default(),
        };
        for code in ["200", "500", "503"] {
            drop(metrics.pages.get_or_create(&[("code", code)]));
        }
        registry.register(
            "promhttp_metric_handler_requests",
            "Total number of scrapes by HTTP status code",
            metrics.pages.clone(),
        );
        registry.register(
            "promhttp_metric_handler_requests_in_flight",
            "Current number of scrapes being served",
            metrics.open_pages.clone(),
        );
        registry.register_collector(Box::new(Arc::clone(&metrics.rpcs)));
        registry.register_collector(Box::new(Arc::clone(&metrics.requests)));
        registry.register_collector(Box::new(Arc::clone(&metrics.watches)));
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
        registry.register(
            "etcd_server_healthcheck",
            "The result of each kind of healthcheck",
            metrics.checks.clone(),
        );
        registry.register(
            "etcd_server_healthchecks",
            "The total number of each kind of healthcheck",
            metrics.check_counts.clone(),
        );
        metrics
    }

    pub(crate) fn rpcs(&self) -> &Rpcs {
        &self.rpcs
    }

    /// Goes on counting a call that turns out to outlive the function that answers it.
    pub(crate) fn outlive(&self, handled: Handled<'_>) -> Ongoing {
        handled.outlive(Arc::clone(&self.rpcs))
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.requests
    }

    pub(crate) fn watches(&self) -> &WatchTimes {
        &self.watches
    }

    /// Counts the start of a call that outlives the function that answers it.
    pub(crate) fn ongoing(&self, rpc: Rpc) -> Ongoing {
        Ongoing::start(Arc::clone(&self.rpcs), rpc)
    }

    pub(crate) fn count_client(&self, version: &str, is_stream: bool) {
        self.clients.count(version, is_stream);
    }

    /// Encodes the page of metrics, and counts that.
    pub(crate) fn page(&self, registry: &Registry) -> Result<String, std::fmt::Error> {
        self.open_pages.inc();
        let page = encode(registry);
        self.open_pages.dec();
        let code = if page.is_ok() { "200" } else { "500" };
        self.pages.get_or_create(&[("code", code)]).inc();
        page
    }

    /// The outcome of a check of `/livez` or `/readyz`.
    pub(crate) fn count_check(&self, kind: &'static str, name: &'static str, is_well: bool) {
        let status = if is_well { "success" } else { "error" };
        self.checks.get_or_create(&[("type", kind), ("name", name)]).set(i64::from(is_well));
        self.check_counts.get_or_create(&[("type", kind), ("name", name), ("status", status)]).inc();
    }

    pub(crate) fn count_health(&self, healthy: bool) {
        let counter = if healthy { &self.health_success } else { &self.health_failures };
        counter.inc();
    }
}

#[cfg(test)]
mod tests;
