//! `etcd_server_client_requests_total`: requests by the version that clients say they have.

use std::sync::Arc;

use arc_swap::ArcSwap;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Versions that get a line of their own; clients choose the text, so their number is bounded.
const VERSIONS: usize = 64;
/// Longest version that gets a line of its own, in bytes.
const VERSION_LENGTH: usize = 64;
/// The label of all other versions.
const OTHER: &str = "other";

type Labels = [(&'static str, String); 2];

/// Counts requests; a known version costs a comparison of short texts and no lock.
pub(super) struct Clients {
    family: Family<Labels, Counter>,
    known: ArcSwap<Vec<Arc<Known>>>,
}

struct Known {
    version: Box<str>,
    unary: Counter,
    stream: Counter,
}

impl Clients {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = Family::<Labels, Counter>::default();
        registry.register(
            "etcd_server_client_requests",
            "The total number of client requests per client version",
            family.clone(),
        );
        Self { family, known: ArcSwap::default() }
    }

    pub(super) fn count(&self, version: &str, is_stream: bool) {
        if let Some(known) = find(&self.known.load(), version) {
            known.count(is_stream);
        } else {
            self.learn(version).count(is_stream);
        }
    }

    fn learn(&self, version: &str) -> Arc<Known> {
        let known = self.known.load_full();
        let full = known.len() >= VERSIONS;
        let version = if full || version.len() > VERSION_LENGTH { OTHER } else { version };
        if let Some(known) = find(&known, version) {
            return Arc::clone(known);
        }
        let counter = |kind: &str| {
            let labels = [("type", kind.to_owned()), ("client_api_version", version.to_owned())];
            self.family.get_or_create(&labels).clone()
        };
        let new =
            Arc::new(Known { version: version.into(), unary: counter("unary"), stream: counter("stream") });
        self.known.rcu(|known| {
            let mut known = known.as_ref().clone();
            // Another thread may have been faster; both hold the same counters.
            if find(&known, version).is_none() {
                known.push(Arc::clone(&new));
            }
            known
        });
        new
    }
}

impl Known {
    fn count(&self, is_stream: bool) {
        let counter = if is_stream { &self.stream } else { &self.unary };
        counter.inc();
    }
}

fn find<'a>(known: &'a [Arc<Known>], version: &str) -> Option<&'a Arc<Known>> {
    known.iter().find(|known| known.version.as_ref() == version)
}
