//! `/v2/keys`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use etcd_v2store::{Code, Error};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

use super::form::{self, Form, NO_BODY};
use super::request::{self, Asked};
use super::{Shared, V2, WriteError, disallowed, json, path, wait};
use crate::Replica;

const METHODS: &[&str] = &["HEAD", "GET", "PUT", "POST", "DELETE"];

pub(super) async fn answer<R: Replica, V: V2>(
    State(shared): State<Arc<Shared<R, V>>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(response) = disallowed(&parts.method, METHODS) {
        return response;
    }
    let key = match path::below("/v2/keys", &parts.method, &parts.uri) {
        Ok(key) => key,
        Err(redirection) => return *redirection,
    };
    let method = &parts.method;
    let mut response = match ask(&shared, method, &key, parts.uri.query(), &parts.headers, body).await {
        Ok(asked) => respond(&shared, method, asked).await,
        Err(error) => refuse(&error),
    };
    insert(&mut response, "x-etcd-cluster-id", &shared.replica.standing().cluster_id.to_string());
    response
}

async fn ask<R, V: V2>(
    shared: &Shared<R, V>,
    method: &Method,
    key: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Asked, Error> {
    let has_form = matches!(*method, Method::PUT | Method::POST);
    let body = if has_form && form::is_form(headers.get(header::CONTENT_TYPE)) {
        read(body, shared.options.max_form_bytes, shared.options.form_timeout).await?
    } else {
        NO_BODY
    };
    let form = Form::parse(query.unwrap_or_default(), &body)?;
    let asked = request::parse(method, key, &form, now())?;
    match shared.keys.refusal() {
        Some(reason) => Err(Error::of_request(Code::Unauthorized, reason)),
        None => Ok(asked),
    }
}

pub(super) async fn read(body: Body, limit: usize, timeout: Duration) -> Result<Bytes, Error> {
    let invalid = |cause: &str| Error::of_request(Code::InvalidForm, cause);
    match tokio::time::timeout(timeout, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(invalid("http: request body too large"))
        }
        Ok(Err(error)) => Err(invalid(&error.to_string())),
        Err(_elapsed) => Err(invalid("the form took too long to arrive")),
    }
}

async fn respond<R: Replica, V: V2>(shared: &Arc<Shared<R, V>>, method: &Method, asked: Asked) -> Response {
    let (name, silent) = match &asked {
        Asked::Wait { .. } => ("", false),
        Asked::Get { quorum: true, .. } => ("QGET", false),
        Asked::Get { .. } => (method.as_str(), false),
        Asked::Write { silent, .. } => (method.as_str(), *silent),
    };
    let counted = shared.requests.start(name);
    let outcome = match asked {
        Asked::Wait { key, options } => {
            return match wait::begin(shared, &key, options) {
                Ok(response) => with_raft(shared, response),
                Err(error) => refuse(&error),
            };
        }
        Asked::Get { key, recursive, quorum } => get(shared, &key, recursive, quorum).await,
        Asked::Write { request, .. } => shared.keys.write(*request).await.map(|event| {
            let body = if silent { event.to_json_without_nodes() } else { event.to_json(now()) };
            (event.index(), event.is_created(), body)
        }),
    };
    match outcome {
        Ok((index, created, body)) => {
            counted.done(None);
            let status = if created { StatusCode::CREATED } else { StatusCode::OK };
            let mut response = json(status, body + "\n");
            insert(&mut response, "x-etcd-index", &index.to_string());
            with_raft(shared, response)
        }
        Err(error) => {
            let error = known(error);
            counted.done(Some(error.code.status()));
            refuse(&error)
        }
    }
}

/// Index, whether something was created, body.
type Answer = (u64, bool, String);

async fn get<R: Replica, V: V2>(
    shared: &Shared<R, V>,
    key: &str,
    recursive: bool,
    quorum: bool,
) -> Result<Answer, WriteError> {
    if quorum {
        shared.replica.linearize().await?;
    }
    let view = shared.keys.view();
    let index = view.index();
    if !recursive {
        return Ok((index, false, view.get(key, false)?.to_json(now())));
    }
    // A whole tree may be large: not on a thread that serves connections.
    let _permit = shared.listings.acquire().await.map_err(|_| crate::Error::Stopped)?;
    let key = key.to_owned();
    let list = move || view.get(&key, true).map(|event| event.to_json(now()));
    let listed = tokio::task::spawn_blocking(list).await.map_err(|_| crate::Error::Stopped)?;
    Ok((index, false, listed?))
}

/// What did not come from the store is an internal error there.
fn known(error: WriteError) -> Error {
    match error {
        WriteError::Store(error) => error,
        WriteError::Server(error) => Error::of_request(Code::RaftInternal, error.to_string()),
    }
}

pub(super) fn refuse(error: &Error) -> Response {
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json(status, error.to_json() + "\n");
    insert(&mut response, "x-etcd-index", &error.index.to_string());
    response
}

fn with_raft<R: Replica, V>(shared: &Shared<R, V>, mut response: Response) -> Response {
    insert(&mut response, "x-raft-index", &shared.replica.status().index.to_string());
    insert(&mut response, "x-raft-term", &shared.replica.standing().term.to_string());
    response
}

pub(super) fn insert(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
