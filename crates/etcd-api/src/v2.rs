//! The v2 API: `/v2/keys`, `/v2/members`, `/v2/machines` and `/v2/stats`, as etcd 3.4 answers them.
//!
//! [`router`] goes beside the rest with [`crate::Api::with_http`]. What it needs beyond a [`Replica`] is in [`V2`].

mod form;
mod keys;
mod members;
mod membership;
mod metrics;
mod path;
mod request;
mod stats;
mod wait;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use etcd_membership::{ChangeError, Member, MemberId, Urls};
use etcd_proto::etcdserverpb::Request;
use etcd_v2store::{Event, Sink, Stats, View, Watch, WatchId, WatchOptions};
use http::{HeaderValue, Method, StatusCode, header};
use tokio::sync::Semaphore;

pub use metrics::Requests;
pub use metrics::register as register_metrics;
pub use stats::{Follower, Latency, LeaderInfo, LeaderStats, SelfStats, SendCounts};

use crate::{Error, Replica};

/// For the fuzz targets: the request that a form makes; the first byte chooses the method, a line feed ends the query.
#[doc(hidden)]
pub fn fuzz_form(data: &[u8]) {
    let methods = [Method::GET, Method::PUT, Method::POST, Method::DELETE];
    let Some((number, rest)) = data.split_first() else { return };
    let at = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let query = String::from_utf8_lossy(&rest[..at]);
    if let Ok(form) = form::Form::parse(&query, rest.get(at + 1..).unwrap_or_default()) {
        // Whatever is wrong is said; nothing may be worse than that.
        let _asked = request::parse(&methods[usize::from(*number) % methods.len()], "/1/k", &form, 1 << 60);
    }
}

/// The keys behind the v2 API.
///
/// Cancel safety: as [`Replica`]'s. Every method must end by itself.
pub trait V2: Clone + Send + Sync + 'static {
    /// Why the v2 API is not served now, if it is not: v2 knows no users, so not while auth is enabled.
    fn refusal(&self) -> Option<&'static str>;

    /// The keys as this member has them.
    fn view(&self) -> View;

    /// Hands events to `sink`: see [`etcd_v2store::Store::watch`].
    ///
    /// # Errors
    /// Of the store.
    fn watch(
        &self,
        path: &str,
        options: WatchOptions,
        sink: Box<dyn Sink>,
    ) -> Result<Watch, etcd_v2store::Error>;

    /// Ends a wait.
    fn unwatch(&self, id: &WatchId);

    /// Writes through the log.
    fn write(&self, request: Request) -> impl Future<Output = Result<Arc<Event>, WriteError>> + Send;

    /// Adds a member that advertises these URLs; it is to be started then.
    fn add_member(&self, peer_urls: &Urls) -> impl Future<Output = Result<Member, MembersError>> + Send;

    /// Takes a member out for good.
    fn remove_member(&self, id: MemberId) -> impl Future<Output = Result<(), MembersError>> + Send;

    /// Gives a member other peer URLs.
    fn update_member(
        &self,
        id: MemberId,
        peer_urls: &Urls,
    ) -> impl Future<Output = Result<(), MembersError>> + Send;

    /// The store's counters, and how many waits there are.
    fn counters(&self) -> (Arc<Stats>, usize);

    /// What `/v2/stats/self` shows.
    fn self_stats(&self) -> SelfStats;

    /// What `/v2/stats/leader` shows; none on a member that is not the leader.
    fn leader_stats(&self) -> impl Future<Output = Option<LeaderStats>> + Send;
}

/// A write was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The store refused it.
    #[error(transparent)]
    Store(#[from] etcd_v2store::Error),
    /// It did not get as far as the store, or its outcome is not known.
    #[error(transparent)]
    Server(#[from] Error),
}

/// The members of the cluster were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MembersError {
    /// The cluster's rules are against it.
    #[error(transparent)]
    Refused(#[from] ChangeError),
    /// Too few members would have been started.
    #[error("etcdserver: re-configuration failed due to not enough started members")]
    NotEnoughStarted,
    /// Too few members are connected for it to be safe.
    #[error("etcdserver: unhealthy cluster")]
    Unhealthy,
    /// Its outcome is not known.
    #[error(transparent)]
    Server(#[from] Error),
}

/// What a request may be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct V2Options {
    /// Bytes of a form; an escaped byte takes three.
    pub max_form_bytes: usize,
    /// How long a client may take to send its form.
    pub form_timeout: Duration,
    /// A wait without an event sends a newline this often: that shows whether the client is still there, and keeps
    /// proxies from closing the connection. Clients skip it: it is white space before JSON.
    pub wait_interval: Duration,
    /// Listings of whole trees at the same time.
    pub max_listings: usize,
}

impl Default for V2Options {
    fn default() -> Self {
        Self {
            max_form_bytes: 4 << 20,
            form_timeout: Duration::from_secs(30),
            wait_interval: Duration::from_secs(30),
            max_listings: 4,
        }
    }
}

/// What every handler uses.
struct Shared<R, V> {
    replica: R,
    keys: V,
    options: V2Options,
    listings: Semaphore,
    requests: Requests,
}

/// The routes of the v2 API; `requests` are its counters, from [`register_metrics`].
pub fn router<R: Replica, V: V2>(replica: R, keys: V, options: V2Options, requests: Requests) -> Router {
    let listings = Semaphore::new(options.max_listings.max(1));
    let shared = Arc::new(Shared { replica, keys, options, listings, requests });
    Router::new()
        .route("/v2/keys", any(keys::answer::<R, V>))
        .route("/v2/keys/", any(keys::answer::<R, V>))
        .route("/v2/keys/{*key}", any(keys::answer::<R, V>))
        .route("/v2/members", any(members::answer::<R, V>))
        .route("/v2/members/", any(members::answer::<R, V>))
        .route("/v2/members/{*id}", any(members::answer::<R, V>))
        .route("/v2/machines", any(members::machines::<R, V>))
        .route("/v2/stats/self", any(stats::own::<R, V>))
        .route("/v2/stats/leader", any(stats::leader::<R, V>))
        .route("/v2/stats/store", any(stats::store::<R, V>))
        .route("/v2/auth/{*what}", any(no_auth))
        .with_state(shared)
}

/// The v2 API's own users and roles, which are not there. Said as their clients read errors: they take any other text
/// for broken JSON, and keep the words of a 5xx to themselves.
async fn no_auth() -> Response {
    const REASON: &str = "etcdserver: users and roles of the v2 API are not supported, use those of the v3 API (ETCDCTL_API=3)";
    message(StatusCode::NOT_FOUND, REASON)
}

/// The answer to a method that is not served, in etcd's words.
fn disallowed(method: &Method, allowed: &'static [&'static str]) -> Option<Response> {
    if allowed.contains(&method.as_str()) {
        return None;
    }
    let mut response = crate::http::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    if let Ok(value) = HeaderValue::from_str(&allowed.join(",")) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    Some(response)
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// An error of what is not a key: `{"message":…}`.
fn message(status: StatusCode, text: &str) -> Response {
    json(status, serde_json::json!({ "message": text }).to_string())
}
