//! Changes of the membership: `POST`, `PUT` and `DELETE` on `/v2/members`.
//!
//! Source: etcd 3.4 `etcdserver/api/v2http/client.go` `membersHandler`.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use etcd_membership::{ChangeError, MemberId, Urls};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use tracing::warn;

use super::keys::read;
use super::members::{Shown, shown};
use super::{MembersError, Shared, V2, message};
use crate::{Error, Replica};

/// Peer URLs are short.
const MAX_BODY: usize = 64 << 10;

/// The body of a request.
#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "peerURLs", default)]
    peer_urls: Vec<String>,
}

/// What is to be done, on the path `which` below `/v2/members`.
pub(super) async fn change<R: Replica, V: V2>(
    shared: &Shared<R, V>,
    method: &Method,
    which: &str,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let outcome = if *method == Method::POST {
        add(shared, headers, body).await
    } else {
        change_one(shared, method, which, headers, body).await
    };
    outcome.unwrap_or_else(|refusal| *refusal)
}

type Outcome = Result<Response, Box<Response>>;

async fn add<R: Replica, V: V2>(shared: &Shared<R, V>, headers: &HeaderMap, body: Body) -> Outcome {
    let urls = peer_urls(shared, headers, body).await?;
    match shared.keys.add_member(&urls).await {
        Ok(member) => {
            let mut response = shown(&Shown::of(&member));
            *response.status_mut() = StatusCode::CREATED;
            Ok(response)
        }
        Err(error) => Err(refusal(&error, None)),
    }
}

async fn change_one<R: Replica, V: V2>(
    shared: &Shared<R, V>,
    method: &Method,
    which: &str,
    headers: &HeaderMap,
    body: Body,
) -> Outcome {
    if which.is_empty() {
        return Err(Box::new(crate::http::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n")));
    }
    let id: MemberId = which
        .parse()
        .map_err(|_| Box::new(message(StatusCode::NOT_FOUND, &format!("No such member: {which}"))))?;
    let outcome = if *method == Method::DELETE {
        shared.keys.remove_member(id).await
    } else {
        let urls = peer_urls(shared, headers, body).await?;
        shared.keys.update_member(id, &urls).await
    };
    match outcome {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(error) => Err(refusal(&error, Some(id))),
    }
}

/// The URLs in the body, which must be JSON.
async fn peer_urls<R: Replica, V: V2>(
    shared: &Shared<R, V>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Urls, Box<Response>> {
    let bad = |status, text: &str| Box::new(message(status, text));
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
    if kind != "application/json" {
        let text = format!("Bad Content-Type {kind}, accept application/json");
        return Err(bad(StatusCode::UNSUPPORTED_MEDIA_TYPE, &text));
    }
    let body = read(body, MAX_BODY, shared.options.form_timeout)
        .await
        .map_err(|error| bad(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let asked: Asked =
        serde_json::from_slice(&body).map_err(|error| bad(StatusCode::BAD_REQUEST, &error.to_string()))?;
    Urls::new(asked.peer_urls.iter().map(String::as_str))
        .map_err(|error| bad(StatusCode::BAD_REQUEST, &error.to_string()))
}

/// Statuses and texts are etcd's, but for what it calls an internal error: here the reason is told.
fn refusal(error: &MembersError, id: Option<MemberId>) -> Box<Response> {
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    let (status, text) = match error {
        MembersError::Refused(refused @ (ChangeError::IdExists | ChangeError::PeerUrlExists)) => {
            (StatusCode::CONFLICT, refused.to_string())
        }
        MembersError::Refused(ChangeError::IdRemoved) => {
            (StatusCode::GONE, format!("Member permanently removed: {id}"))
        }
        MembersError::Refused(ChangeError::IdNotFound) => {
            (StatusCode::NOT_FOUND, format!("No such member: {id}"))
        }
        MembersError::Server(Error::Stopped) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        other => {
            warn!(error = %other, "a change of the membership was refused");
            (StatusCode::INTERNAL_SERVER_ERROR, other.to_string())
        }
    };
    Box::new(message(status, &text))
}
