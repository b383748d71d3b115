//! The service: its options, its routes, and what they share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

use crate::limit::{Rate, RateLimiter};
use crate::metrics::{self, Metrics};
use crate::storage::{Request as Ask, Storage};
use crate::{assets, home, new, page, proxy, registry};

/// How the service behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The address that clients know, such as `https://discovery.example.com`; none takes it from each request.
    pub base_url: Option<String>,
    /// Whether clients come over TLS: URLs made from their requests are `https` then.
    pub is_secure: bool,
    /// The largest cluster.
    pub max_size: usize,
    /// How long a token lives.
    pub token_ttl: Duration,
    /// Members that may register for a token beyond its size, to be told that it is full.
    pub max_late_members: usize,
    /// Bytes of a registration.
    pub max_value_bytes: usize,
    /// Waits at the same time.
    pub max_waits: usize,
    /// How long one wait may take; its client asks again.
    pub wait_timeout: Duration,
    /// New tokens of one address.
    pub new_rate: Rate,
    /// Requests of one address.
    pub request_rate: Rate,
    /// Whether a proxy in front says whose request it is: the last address in `X-Forwarded-For`.
    pub trust_forwarded_for: bool,
}

impl Default for Options {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            base_url: None,
            is_secure: false,
            max_size: 64,
            token_ttl: Duration::from_secs(7 * 24 * 60 * 60),
            max_late_members: 64,
            max_value_bytes: 4 << 10,
            max_waits: 4096,
            wait_timeout: Duration::from_secs(600),
            new_rate: Rate { count: 30, interval: minute },
            request_rate: Rate { count: 1200, interval: minute },
            trust_forwarded_for: false,
        }
    }
}

/// What every handler uses.
pub(crate) struct Shared {
    pub(crate) storage: Storage,
    pub(crate) options: Options,
    pub(crate) metrics: Metrics,
    pub(crate) new_limit: RateLimiter,
    pub(crate) waits: Arc<Semaphore>,
    request_limit: RateLimiter,
    registry: Registry,
}

/// The service, ready to be served.
pub struct Service(Arc<Shared>);

impl Service {
    /// A service that keeps its tokens in `storage`.
    pub fn new(storage: Storage, options: Options) -> Self {
        let mut registry = Registry::default();
        let waits = Arc::new(Semaphore::new(options.max_waits.clamp(1, Semaphore::MAX_PERMITS)));
        let metrics = Metrics::register(&mut registry);
        let (new_limit, request_limit) =
            (RateLimiter::new(options.new_rate), RateLimiter::new(options.request_rate));
        Self(Arc::new(Shared { storage, options, metrics, new_limit, waits, request_limit, registry }))
    }

    /// Its routes. Requests must carry [`ConnectInfo`] of a [`SocketAddr`], as [`crate::serve`] gives it.
    pub fn router(&self) -> Router {
        let limited = middleware::from_fn_with_state(Arc::clone(&self.0), limit);
        Router::new()
            .route("/", get(home::answer))
            .route("/new", get(new::answer))
            .route("/assets/page.css", get(assets::css))
            .route("/assets/page.js", get(assets::js))
            .route("/{token}", any(proxy::token))
            .route("/{token}/", any(proxy::token))
            .route("/{token}/_config/size", any(proxy::size))
            .route("/{token}/{member}", any(proxy::member))
            .route_layer(limited)
            .route("/health", get(health))
            .route("/metrics", get(show_metrics))
            .route("/robots.txt", get(async || "User-agent: *\nDisallow: /\n"))
            .fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"))
            .with_state(Arc::clone(&self.0))
    }
}

impl Shared {
    /// The address under which the client of a request knows this service.
    pub(crate) fn base_url(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.options.base_url {
            return url.trim_end_matches('/').to_owned();
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let is_host =
            |host: &&str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte));
        let scheme = if self.options.is_secure { "https" } else { "http" };
        format!("{scheme}://{}", host.filter(is_host).unwrap_or("localhost"))
    }

    /// Whose request it is.
    pub(crate) fn client(&self, remote: SocketAddr, headers: &HeaderMap) -> IpAddr {
        if !self.options.trust_forwarded_for {
            return remote.ip();
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let last = forwarded.and_then(|list| list.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        last.unwrap_or_else(|| remote.ip())
    }
}

/// Refuses who asks too often.
async fn limit(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let client = shared.client(remote, request.headers());
    match shared.request_limit.take(client, Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(wait) => too_many(&shared, wait),
    }
}

/// The answer to who asks too often.
pub(crate) fn too_many(shared: &Shared, wait: Duration) -> Response {
    shared.metrics.refused.inc();
    let seconds = wait.as_secs() + 1;
    let text = format!("too many requests; try again in {seconds} s\n");
    let mut response = (StatusCode::TOO_MANY_REQUESTS, text).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Whether tokens can be made: reads from the storage what a quorum has.
async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let read = Ask::get(registry::REGISTRY).query("quorum", "true");
    match shared.storage.ask(&read).await {
        // Before the first token there is nothing to read.
        Ok(answer) if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND => {
            "OK".into_response()
        }
        Ok(answer) => {
            let text = format!("the storage answers with status {}\n", answer.status.as_u16());
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

async fn show_metrics(State(shared): State<Arc<Shared>>) -> Response {
    metrics::page(&shared.registry)
}

/// Pages and texts for browsers: no script, style or frame but our own.
pub(crate) fn html(body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, page::POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Accept"),
    ];
    (headers, body).into_response()
}

/// Whether the client is a browser that shows a page.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}
