//! `/`: what this is, for browsers.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use crate::page;
use crate::service::{Shared, html};

pub(crate) async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    html(page::home(&shared.base_url(&headers), shared.options.max_size))
}
