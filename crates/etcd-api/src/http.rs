//! What the client port answers over plain HTTP: health, version and metrics.

mod access;
mod checks;
mod health;
mod vars;

pub(crate) use access::Access;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{Method, StatusCode, header};
use serde::Serialize;

use crate::Replica;
use crate::api::Shared;
use crate::metrics;

/// The routes; anything else is not found.
pub(crate) fn router<R: Replica>(shared: Arc<Shared<R>>) -> Router {
    probes::<R>()
        .route("/version", any(version::<R>))
        .route("/debug/vars", any(vars::answer::<R>))
        .with_state(shared)
}

/// The routes of `--listen-metrics-urls`.
pub(crate) fn metrics_router<R: Replica>(shared: Arc<Shared<R>>) -> Router {
    probes::<R>().with_state(shared)
}

fn probes<R: Replica>() -> Router<Arc<Shared<R>>> {
    checks::routes::<R>()
        .route("/health", any(health::answer::<R>))
        .route("/metrics", any(show_metrics::<R>))
        .fallback(async || text(StatusCode::NOT_FOUND, "404 page not found\n"))
}

/// The answer of `/version`, in etcd's order.
#[derive(Serialize)]
struct Versions<'a> {
    etcdserver: &'a str,
    etcdcluster: &'a str,
    storage: &'a str,
}

async fn version<R: Replica>(State(shared): State<Arc<Shared<R>>>, method: Method) -> Response {
    if method != Method::GET {
        return not_allowed();
    }
    let status = shared.replica.status();
    let versions = Versions {
        etcdserver: &status.version,
        etcdcluster: status.cluster_version.as_deref().unwrap_or("not_decided"),
        storage: status.storage_version.as_deref().unwrap_or("unknown"),
    };
    axum::Json(versions).into_response()
}

async fn show_metrics<R: Replica>(State(shared): State<Arc<Shared<R>>>) -> Response {
    match shared.metrics.page(&shared.registry) {
        Ok(page) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(error) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, &format!("could not encode the metrics: {error}\n"))
        }
    }
}

/// A plain answer as Go's `http.Error` gives it.
pub(crate) fn text(code: StatusCode, text: &str) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (code, headers, text.to_owned()).into_response()
}

fn not_allowed() -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    response.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static("GET"));
    response
}
