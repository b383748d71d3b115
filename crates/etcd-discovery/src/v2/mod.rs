//! v2 discovery: the service is a directory in etcd's v2 keys API.
//!
//! ```text
//! <url>/_config/size   "3"
//! <url>/<member id>    "infra0=http://10.0.1.10:2380"
//! ```

mod answer;
mod http;

use std::collections::BTreeSet;
use std::time::Duration;

use etcd_membership::Urls;

use self::answer::{Answer, KeysError};
use self::http::{Http, Reply};
use crate::entry::{Entry, Found, Local};
use crate::error::{DiscoveryError, shorten};
use crate::join::{Registry, join, parse_size};
use crate::options::V2Options;
use crate::retry::Failure;

const KEY_NOT_FOUND: u32 = 100;
const NODE_EXISTS: u32 = 105;
const WATCHER_CLEARED: u32 = 400;
const INDEX_CLEARED: u32 = 401;

const PLAIN: &[(&str, &str)] = &[("quorum", "false"), ("recursive", "false"), ("sorted", "false")];

/// Registers with a v2 discovery service and waits for the other members.
///
/// Waits as long as members are missing. Cancel safety: the registration stays with the service, and the same member
/// cannot register again.
///
/// # Errors
/// [`DiscoveryError`]; with all of them the token is spoiled for this member, except for `Timeout`, and for a service
/// that was not reached at all.
pub async fn join_v2(options: &V2Options, name: &str, peer_urls: &Urls) -> Result<Found, DiscoveryError> {
    let local = Local::new(name, peer_urls, &options.url)?;
    let http = Http::new(options)?;
    let mut registry = V2 { http, wait_timeout: options.wait_timeout, is_unsure: false };
    join(&mut registry, &options.url, &local, &options.pauses).await
}

struct V2 {
    http: Http,
    wait_timeout: Duration,
    /// An attempt to register ended without an answer, and may have succeeded.
    is_unsure: bool,
}

impl Registry for V2 {
    /// The index of the last change that an answer includes.
    type Seen = u64;

    fn place(&self) -> String {
        self.http.place()
    }

    async fn size(&mut self) -> Result<usize, Failure> {
        let reply = self.http.get(&["_config", "size"], PLAIN).await?;
        size_in(&reply, || self.http.shown())
    }

    async fn entries(&mut self) -> Result<(Vec<Entry>, u64), Failure> {
        let reply = self.http.get(&[], PLAIN).await?;
        entries_in(&reply)
    }

    async fn register(&mut self, local: &Local) -> Result<(), Failure> {
        let id = local.id.to_string();
        let sent = self.http.put(&[&id], &[("prevExist", "false")], &local.value).await;
        let reply = match sent {
            Err(failure) => {
                self.is_unsure = true;
                return Err(failure);
            }
            Ok(reply) => reply,
        };
        match understand(&reply)? {
            Ok(answer) => {
                self.confirm(&id, answer.node.created_index).await;
                Ok(())
            }
            Err(error) if error.code == NODE_EXISTS => {
                if self.is_unsure && self.holds(local).await? {
                    return Ok(());
                }
                Err(DiscoveryError::DuplicateId { id }.into())
            }
            Err(error) => Err(refused(&error)),
        }
    }

    async fn change(&mut self, since: u64) -> Result<(), Failure> {
        let next = since.saturating_add(1).to_string();
        let query = [("recursive", "true"), ("wait", "true"), ("waitIndex", next.as_str())];
        match self.http.wait(&[], &query, self.wait_timeout).await {
            // Nothing has happened for a while: it is looked whether that is true.
            Err(Failure::Silence) => Ok(()),
            Err(failure) => Err(failure),
            // A service may end a wait with nothing.
            Ok(reply) if reply.body.is_empty() => Ok(()),
            Ok(reply) => match understand(&reply)? {
                Err(error) if error.code == INDEX_CLEARED || error.code == WATCHER_CLEARED => Ok(()),
                Err(error) => Err(refused(&error)),
                Ok(_) => Ok(()),
            },
        }
    }
}

impl V2 {
    /// Waits until the server that is asked has heard of the registration. It is known to be made, so that no failure
    /// matters.
    async fn confirm(&self, id: &str, created_index: u64) {
        let index = if created_index > 1 { created_index } else { 0 }.to_string();
        let query = [("wait", "true"), ("waitIndex", index.as_str()), ("recursive", "false")];
        let _heard = self.http.get(&[id], &query).await;
    }

    /// Whether what is registered under this member's id is what this member has sent.
    async fn holds(&self, local: &Local) -> Result<bool, Failure> {
        let reply = self.http.get(&[&local.id.to_string()], PLAIN).await?;
        let answer = understand(&reply)?.map_err(|error| refused(&error))?;
        Ok(answer.node.value.as_deref() == Some(&local.value))
    }
}

/// The size of the cluster, below the token's URL.
fn size_in(reply: &Reply, url: impl FnOnce() -> String) -> Result<usize, Failure> {
    match understand(reply)? {
        Ok(answer) => Ok(parse_size(answer.node.value.as_deref().unwrap_or_default())?),
        Err(error) if error.code == KEY_NOT_FOUND => {
            let (config, answer) = (format!("{}/_config", url()), Some(shorten(&error.to_string())));
            Err(DiscoveryError::SizeMissing { config, answer }.into())
        }
        Err(error) => Err(refused(&error)),
    }
}

/// The members, and the index of the last change that the answer includes.
fn entries_in(reply: &Reply) -> Result<(Vec<Entry>, u64), Failure> {
    let answer = understand(reply)?.map_err(|error| refused(&error))?;
    let mut ids = BTreeSet::new();
    let mut last = answer.node.modified_index;
    let mut entries = Vec::new();
    for node in answer.node.nodes.into_iter().filter(|node| !node.dir) {
        last = last.max(node.modified_index);
        let id = node.key.rsplit('/').next().unwrap_or_default().to_owned();
        if id.starts_with('_') {
            continue;
        }
        if !ids.insert(id.clone()) {
            let reason = format!("it lists the member {:?} twice", shorten(&id));
            return Err(DiscoveryError::BadEndpoint { reason }.into());
        }
        let value = node.value.unwrap_or_default();
        entries.push(Entry { id, value, order: node.created_index });
    }
    Ok((entries, reply.index.unwrap_or(last)))
}

/// Both readings of an answer with this status: see [`crate::fuzz`].
pub(crate) fn fuzz_answer(status: u16, body: &[u8]) -> (Result<usize, Failure>, Result<Vec<Entry>, Failure>) {
    let status = reqwest::StatusCode::from_u16(status).unwrap_or_default();
    let reply = Reply { status, index: None, body: body.to_vec() };
    let size = size_in(&reply, || "http://127.0.0.1:2379/token".to_owned());
    (size, entries_in(&reply).map(|(entries, _)| entries))
}

fn refused(error: &KeysError) -> Failure {
    DiscoveryError::Refused { message: shorten(&error.to_string()) }.into()
}

/// Reads an answer: what was asked for, or the service's own error.
fn understand(reply: &Reply) -> Result<Result<Answer, KeysError>, Failure> {
    let bad = |reason: String| Failure::Final(DiscoveryError::BadEndpoint { reason });
    if reply.status.is_success() {
        return match serde_json::from_slice(&reply.body) {
            Ok(answer) => Ok(Ok(answer)),
            Err(_) => {
                Err(bad(format!("its answer is not JSON of the v2 keys API, but {:?}", excerpt(&reply.body))))
            }
        };
    }
    match serde_json::from_slice(&reply.body) {
        Ok(error) => Ok(Err(error)),
        Err(_) => Err(bad(format!("it answers {}: {:?}", reply.status, excerpt(&reply.body)))),
    }
}

fn excerpt(body: &[u8]) -> String {
    shorten(&String::from_utf8_lossy(&body[..body.len().min(200)]))
}
