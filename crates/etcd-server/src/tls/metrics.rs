//! How long certificates are still valid.

use std::fmt;
use std::time::SystemTime;

use etcd_tls::Role;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::MemberTls;

const NAME: &str = "etcd_server_tls_certificate_expiration_days";
const HELP: &str = "Days until the first certificate of a file in use ends; negative afterwards";
const SECONDS_A_DAY: f64 = 86_400.0;

/// Adds the certificates in use to what `/metrics` shows.
pub(crate) fn register(registry: &mut Registry, tls: MemberTls) {
    registry.register_collector(Box::new(Certificates(tls)));
}

struct Certificates(MemberTls);

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

impl Collector for Certificates {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = SystemTime::now();
        let mut found = Vec::new();
        for (endpoint, tls) in self.0.ports() {
            found.extend(tls.certificates().into_iter().map(|certificate| (endpoint, certificate)));
        }
        if found.is_empty() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(NAME, HELP, None, MetricType::Gauge)?;
        for (endpoint, certificate) in found {
            let left = match certificate.not_after.duration_since(now) {
                Ok(left) => left.as_secs_f64(),
                Err(over) => -over.duration().as_secs_f64(),
            };
            let labels = [("endpoint", endpoint), ("role", name(certificate.role))];
            let metric = family.encode_family(&labels)?;
            ConstGauge::new(left / SECONDS_A_DAY).encode(metric)?;
        }
        Ok(())
    }
}

const fn name(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Client => "client",
        Role::Authority => "ca",
    }
}
