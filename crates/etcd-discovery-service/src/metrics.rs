//! Counters.

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the service counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) tokens: Counter,
    pub(crate) registrations: Counter,
    pub(crate) refused: Counter,
    pub(crate) storage_errors: Counter,
    pub(crate) waits: Gauge,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let mut counter = |name: &str, help: &str, counter: &Counter| {
            registry.register(format!("etcd_discovery_{name}"), help, counter.clone());
        };
        counter("tokens_created", "Tokens that were made", &metrics.tokens);
        counter("registrations", "Members that registered", &metrics.registrations);
        counter("requests_refused", "Requests of addresses that asked too often", &metrics.refused);
        counter("storage_errors", "Requests that the storage did not answer", &metrics.storage_errors);
        registry.register("etcd_discovery_waits", "Members that wait now", metrics.waits.clone());
        metrics
    }
}

/// The page for Prometheus.
pub(crate) fn page(registry: &Registry) -> Response {
    match etcd_api::metrics::encode(registry) {
        Ok(page) => ([(header::CONTENT_TYPE, etcd_api::metrics::CONTENT_TYPE)], page).into_response(),
        Err(error) => {
            let text = format!("could not encode the metrics: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}
