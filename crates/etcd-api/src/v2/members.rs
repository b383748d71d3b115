//! `/v2/members` and `/v2/machines`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use etcd_membership::Member;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::Serialize;

use super::keys::insert;
use super::{Shared, V2, disallowed, json, membership, message, path};
use crate::Replica;

/// A member as v2 shows it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: String,
    name: &'a str,
    #[serde(rename = "peerURLs")]
    peer_urls: &'a [String],
    #[serde(rename = "clientURLs")]
    client_urls: &'a [String],
}

#[derive(Serialize)]
struct Collection<'a> {
    members: Vec<Shown<'a>>,
}

impl<'a> Shown<'a> {
    pub(super) fn of(member: &'a Member) -> Self {
        Self {
            id: member.id.to_string(),
            name: &member.name,
            peer_urls: &member.peer_urls,
            client_urls: &member.client_urls,
        }
    }
}

pub(super) async fn answer<R: Replica, V: V2>(
    State(shared): State<Arc<Shared<R, V>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Some(response) = disallowed(&method, &["GET", "POST", "DELETE", "PUT"]) {
        return response;
    }
    let below = match path::below("/v2/members", &method, &uri) {
        Ok(below) => below,
        Err(redirection) => return *redirection,
    };
    let mut response = if let Some(reason) = shared.keys.refusal() {
        message(StatusCode::UNAUTHORIZED, reason)
    } else if method == Method::GET {
        show(&shared, below.trim_start_matches('/'))
    } else {
        membership::change(&shared, &method, below.trim_start_matches('/'), &headers, body).await
    };
    insert(&mut response, "x-etcd-cluster-id", &shared.replica.standing().cluster_id.to_string());
    response
}

fn show<R: Replica, V: V2>(shared: &Shared<R, V>, which: &str) -> Response {
    let members = shared.replica.members();
    match which {
        "" => shown(&Collection { members: members.iter().map(Shown::of).collect() }),
        "leader" => {
            let leader = shared.replica.standing().leader;
            match members.iter().find(|member| member.id.get() == leader) {
                Some(member) => shown(&Shown::of(member)),
                None => message(StatusCode::SERVICE_UNAVAILABLE, "During election"),
            }
        }
        _ => message(StatusCode::NOT_FOUND, "Not found"),
    }
}

pub(super) fn shown(what: &impl Serialize) -> Response {
    match serde_json::to_string(what) {
        Ok(text) => json(StatusCode::OK, text + "\n"),
        Err(error) => message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Where clients reach the cluster, in one line.
pub(super) async fn machines<R: Replica, V: V2>(
    State(shared): State<Arc<Shared<R, V>>>,
    method: Method,
) -> Response {
    if let Some(response) = disallowed(&method, &["GET", "HEAD"]) {
        return response;
    }
    let mut urls: Vec<String> =
        shared.replica.members().into_iter().flat_map(|member| member.client_urls).collect();
    urls.sort();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], urls.join(", ")).into_response()
}
