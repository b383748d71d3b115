//! `GET /new`: makes a token.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, RawQuery, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderMap, StatusCode};
use tracing::{info, warn};

use crate::registry::{key, size_key};
use crate::service::{Shared, too_many, wants_html};
use crate::storage::{Request, StorageError};
use crate::token::Token;

/// The size of a cluster for which none is given.
const DEFAULT_SIZE: usize = 3;

pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(remote): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let size = match size(query.as_deref().unwrap_or_default(), shared.options.max_size) {
        Ok(size) => size,
        Err(text) => return (StatusCode::BAD_REQUEST, text + "\n").into_response(),
    };
    if let Err(wait) = shared.new_limit.take(shared.client(remote, &headers), Instant::now()) {
        return too_many(&shared, wait);
    }
    let token = Token::random();
    match make(&shared, &token, size).await {
        Ok(true) => {
            shared.metrics.tokens.inc();
            info!(size, "made a token");
            let url = format!("{}/{token}", shared.base_url(&headers));
            if wants_html(&headers) {
                Redirect::to(&format!("/{token}")).into_response()
            } else {
                url.into_response()
            }
        }
        outcome => {
            shared.metrics.storage_errors.inc();
            warn!(?outcome, "cannot make a token");
            (StatusCode::SERVICE_UNAVAILABLE, "unable to generate token\n").into_response()
        }
    }
}

fn size(query: &str, max: usize) -> Result<usize, String> {
    let mut fields = url::form_urlencoded::parse(query.as_bytes());
    let Some((_, text)) = fields.find(|(name, _)| name == "size") else { return Ok(DEFAULT_SIZE) };
    match text.parse() {
        Ok(size) if (1..=max).contains(&size) => Ok(size),
        Ok(_) => Err(format!("size must be between 1 and {max}")),
        Err(_) => Err(format!("size must be a number between 1 and {max}, not {text:?}")),
    }
}

/// Writes the token's directory, which goes by itself, then its size. False when the storage refuses.
async fn make(shared: &Shared, token: &Token, size: usize) -> Result<bool, StorageError> {
    let (key, size_key) = (key(token), size_key(token));
    let new = |value: (&'static str, String)| vec![value, ("prevExist", "false".to_owned())];
    let mut directory = Request::put(&key, new(("dir", "true".to_owned())));
    directory.form.push(("ttl", shared.options.token_ttl.as_secs().max(1).to_string()));
    if !shared.storage.ask(&directory).await?.status.is_success() {
        return Ok(false);
    }
    let size = Request::put(&size_key, new(("value", size.to_string())));
    Ok(shared.storage.ask(&size).await?.status.is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded_and_three_by_default() {
        assert_eq!((size("", 9), size("size=5", 9), size("a=b&size=9", 9)), (Ok(3), Ok(5), Ok(9)));
        for query in ["size=0", "size=10", "size=-1", "size=abc", "size="] {
            assert!(size(query, 9).unwrap_err().starts_with("size must be"), "{query}");
        }
    }
}
