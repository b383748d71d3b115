//! Below a token: the v2 protocol, passed on to the storage as far as discovery needs it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;
use tracing::warn;

use crate::page;
use crate::registry::{self, Registry};
use crate::service::{Shared, html, wants_html};
use crate::storage::{Request, StorageError};
use crate::token::{Token, is_member_id};

/// What a reader may ask for.
const READ_FIELDS: [&str; 5] = ["recursive", "sorted", "quorum", "wait", "waitIndex"];

/// What a member may say when it registers.
const WRITE_FIELDS: [&str; 4] = ["value", "prevExist", "prevValue", "prevIndex"];

/// Headers of the storage's answers that go on.
const HEADERS: [&str; 5] =
    ["content-type", "x-etcd-cluster-id", "x-etcd-index", "x-raft-index", "x-raft-term"];

/// `/<token>`: a page for browsers; list and wait for members.
pub(crate) async fn token(
    State(shared): State<Arc<Shared>>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Some(token) = Token::parse(&token) else { return not_found() };
    let query = query.unwrap_or_default();
    if wants_html(&headers) && query.is_empty() && method == Method::GET {
        return show(&shared, &token, &headers).await;
    }
    read(&shared, &method, &registry::key(&token), &query).await
}

/// `/<token>/_config/size`: for reading only.
pub(crate) async fn size(
    State(shared): State<Arc<Shared>>,
    Path(token): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
) -> Response {
    let Some(token) = Token::parse(&token) else { return not_found() };
    read(&shared, &method, &registry::size_key(&token), &query.unwrap_or_default()).await
}

/// `/<token>/<member>`.
pub(crate) async fn member(
    State(shared): State<Arc<Shared>>,
    Path((token, member)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    method: Method,
    body: Body,
) -> Response {
    let (Some(token), true) = (Token::parse(&token), is_member_id(&member)) else { return not_found() };
    let query = query.unwrap_or_default();
    let key = format!("{}/{member}", registry::key(&token));
    match method {
        Method::PUT => register(&shared, &token, &member, &query, body).await,
        Method::DELETE => {
            let request = Request { method, ..Request::get(&key) };
            answered(&shared, shared.storage.ask(&request).await)
        }
        _ => read(&shared, &method, &key, &query).await,
    }
}

async fn show(shared: &Shared, token: &Token, headers: &HeaderMap) -> Response {
    let url = format!("{}/{token}", shared.base_url(headers));
    match Registry::read(&shared.storage, token).await {
        Ok(Some(registry)) => html(page::token(&url, &registry, seconds())),
        Ok(None) => {
            let mut response = html(page::unknown(&url));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
        Err(error) => unavailable(shared, &error),
    }
}

async fn read(shared: &Arc<Shared>, method: &Method, key: &str, query: &str) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n").into_response();
    }
    let fields = fields(query.as_bytes(), &READ_FIELDS);
    let query = fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let request = Request { method: method.clone(), query, ..Request::get(key) };
    let waits = fields.iter().any(|(name, value)| name == "wait" && value != "false");
    if waits { wait(shared, &request).await } else { answered(shared, shared.storage.ask(&request).await) }
}

/// Passes a wait on, piece by piece. When it takes too long the connection is broken off, which its client takes for
/// a reason to ask again.
async fn wait(shared: &Arc<Shared>, request: &Request<'_>) -> Response {
    let Ok(permit) = Arc::clone(&shared.waits).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many members wait\n").into_response();
    };
    let waiting = WaitGuard::new(Arc::clone(shared), permit);
    let timeout = shared.options.wait_timeout;
    match shared.storage.send(request, Some(timeout)).await {
        Ok(response) => {
            let (status, headers) = (response.status(), response.headers().clone());
            let pieces = response.bytes_stream().map(move |piece| {
                let _until_the_body_ends = &waiting;
                piece
            });
            passed_on(status, &headers, Body::from_stream(pieces))
        }
        Err(error) => unavailable(shared, &error),
    }
}

/// A wait that is counted.
struct WaitGuard {
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl WaitGuard {
    fn new(shared: Arc<Shared>, permit: OwnedSemaphorePermit) -> Self {
        shared.metrics.waits.inc();
        Self { shared, _permit: permit }
    }
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.shared.metrics.waits.dec();
    }
}

/// Registers a member, unless so many have that the token is being abused.
async fn register(shared: &Shared, token: &Token, member: &str, query: &str, body: Body) -> Response {
    // Escaped, a byte takes three.
    let limit = 3 * shared.options.max_value_bytes + 512;
    let Ok(body) = to_bytes(body, limit).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the registration is too large\n").into_response();
    };
    let mut form = fields(&body, &WRITE_FIELDS);
    form.extend(fields(query.as_bytes(), &WRITE_FIELDS));
    let value = form.iter().find(|(name, _)| name == "value").map_or(0, |(_, value)| value.len());
    if value == 0 || value > shared.options.max_value_bytes {
        return (StatusCode::BAD_REQUEST, "value must be name=url, not empty and not too long\n")
            .into_response();
    }
    let size = registry::size(&shared.storage, token).await;
    let count = registry::count(&shared.storage, token).await;
    match (size, count) {
        // The storage's own answer names the key that is missing.
        (Ok(None), _) => {
            return answered(shared, shared.storage.ask(&Request::get(&registry::size_key(token))).await);
        }
        (Ok(Some(size)), Ok(count)) if count >= size + shared.options.max_late_members => {
            return (StatusCode::FORBIDDEN, "too many members have registered\n").into_response();
        }
        (Err(error), _) | (_, Err(error)) => return unavailable(shared, &error),
        _ => {}
    }
    let key = format!("{}/{member}", registry::key(token));
    let form = form.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let answer = shared.storage.ask(&Request::put(&key, form)).await;
    if answer.as_ref().is_ok_and(|answer| answer.status == StatusCode::CREATED) {
        shared.metrics.registrations.inc();
        note_time(shared, token, member).await;
    }
    answered(shared, answer)
}

/// Keeps when a member registered; only the page needs it.
async fn note_time(shared: &Shared, token: &Token, member: &str) {
    let key = registry::time_key(token, member);
    let ttl = shared.options.token_ttl.as_secs().max(1).to_string();
    let form = vec![("value", seconds().to_string()), ("ttl", ttl)];
    if let Err(error) = shared.storage.ask(&Request::put(&key, form)).await {
        warn!(%error, "cannot note when a member registered");
    }
}

/// The fields of a form or query that are wanted, the first of each name.
fn fields(text: &[u8], wanted: &[&str]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(text) {
        if wanted.contains(&&*name) && found.iter().all(|(known, _)| *known != *name) {
            found.push((name.into_owned(), value.into_owned()));
        }
    }
    found
}

fn answered(shared: &Shared, answer: Result<crate::storage::Answer, StorageError>) -> Response {
    match answer {
        Ok(answer) => passed_on(answer.status, &answer.headers, answer.body.into()),
        Err(error) => unavailable(shared, &error),
    }
}

fn passed_on(status: StatusCode, headers: &HeaderMap, body: Body) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for name in HEADERS {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(HeaderName::from_static(name), value.clone());
        }
    }
    response
}

/// A status of 5xx: members try again.
fn unavailable(shared: &Shared, error: &StorageError) -> Response {
    shared.metrics.storage_errors.inc();
    warn!(%error, "the storage does not answer");
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wanted_fields_pass_once() {
        let found = fields(b"value=a%3Db&dir=true&value=c&prevExist=false", &WRITE_FIELDS);
        assert_eq!(
            found,
            [("value".to_owned(), "a=b".to_owned()), ("prevExist".to_owned(), "false".to_owned())]
        );
    }
}
