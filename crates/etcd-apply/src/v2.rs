//! The v2 keys: their requests in the log, and their rows in storage.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use etcd_membership::MemberId;
use etcd_proto::etcdserverpb::Request;
use etcd_proto::membershippb::{Attributes, ClusterMemberAttrSetRequest};
use etcd_storage::{Batch, Bucket, Storage};
use etcd_v2store::{
    Error, Expiry, Limits, RestoreError, Sink, Stats, Store, View, Watch, WatchId, WatchOptions,
};
use parking_lot::RwLock;
use serde::Deserialize;
use tracing::warn;

use crate::members::ClusterState;
use crate::outcome::{Outcome, Response};

/// Where keys lie in the paths of requests in the log.
const KEYS: &str = "/1";

/// Where etcd 3.5 and older publish members and the cluster version.
const CLUSTER: &str = "/0";

/// The v2 keys cannot be read from storage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Storage failed.
    #[error("cannot read the rows of the v2 store")]
    Read(#[from] etcd_storage::ReadError),
    /// The rows are not a store's.
    #[error("cannot rebuild the v2 store")]
    Restore(#[from] RestoreError),
}

/// The v2 keys as far as the log was applied. A cheap handle; only the apply thread changes keys.
///
/// Their bounds are constants, since all members must agree on what is refused.
#[derive(Debug, Clone)]
pub struct V2Keys(Arc<RwLock<Store>>);

impl V2Keys {
    pub(crate) fn open(storage: &Storage) -> Result<Self, LoadError> {
        Ok(Self(Arc::new(RwLock::new(load(storage)?))))
    }

    /// After storage was replaced; waits go on.
    pub(crate) fn reload(&self, storage: &Storage) -> Result<(), LoadError> {
        let store = load(storage)?;
        self.0.write().replace_with(store);
        Ok(())
    }

    /// Applies a request from the log.
    pub(crate) fn apply(&self, request: &Request, cluster: &ClusterState, batch: &mut Batch) -> Outcome {
        let mut store = self.0.write();
        let outcome = match (request.method.as_str(), key_of(&request.path)) {
            ("SYNC", _) => {
                store.expire(request.time);
                Ok(Response::Done)
            }
            ("QGET", Some(key)) => {
                store.view().get(key, request.recursive).map(|event| Response::V2(Arc::new(event)))
            }
            (_, Some(key)) => write(&mut store, key, request).map(Response::V2),
            ("PUT", None) => {
                publish(request, cluster, batch);
                Ok(Response::Done)
            }
            _ => {
                warn!(method = request.method, path = request.path, "ignored an unknown v2 request");
                Ok(Response::Done)
            }
        };
        for change in store.take_changes() {
            match change.value {
                Some(value) => batch.put(Bucket::V2, change.key, value),
                None => batch.delete(Bucket::V2, change.key),
            }
        }
        outcome.map_err(Into::into)
    }

    /// The keys now; they stay readable as they are.
    pub fn view(&self) -> View {
        self.0.read().view()
    }

    /// When the next key goes, if any ever does.
    pub fn next_expiry(&self) -> Option<i64> {
        self.0.read().next_expiry()
    }

    /// Begins a wait: see [`Store::watch`].
    ///
    /// # Errors
    /// When the history does not reach back that far, or there are too many waits.
    pub fn watch(&self, path: &str, options: WatchOptions, sink: Box<dyn Sink>) -> Result<Watch, Error> {
        self.0.write().watch(path, options, sink)
    }

    /// Ends a wait.
    pub fn unwatch(&self, id: &WatchId) {
        self.0.write().unwatch(id);
    }

    /// Ends all waits.
    pub fn end_watches(&self) {
        self.0.write().end_watches();
    }

    /// The counters, and how many waits there are.
    pub fn stats(&self) -> (Arc<Stats>, usize) {
        let store = self.0.read();
        (Arc::clone(store.stats()), store.watchers())
    }
}

fn load(storage: &Storage) -> Result<Store, LoadError> {
    let mut rows = Vec::new();
    storage.range(Bucket::V2, Bound::Unbounded, Bound::Unbounded, |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    let rows = rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
    Ok(Store::restore(Limits::default(), rows)?)
}

/// Whether a request writes a key of a client's, and whether it takes space for that. The members' own entries, the
/// passing of time and reads do neither; what only keeps a key longer takes no space.
pub(crate) fn effect(request: &Request) -> Effect {
    match (request.method.as_str(), key_of(&request.path)) {
        ("SYNC" | "QGET", _) | (_, None) => Effect::None,
        ("PUT" | "POST", Some(_)) if request.refresh != Some(true) => Effect::TakesSpace,
        (_, Some(_)) => Effect::Changes,
    }
}

/// What a request does to the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    Changes,
    TakesSpace,
}

/// The key in a request's path.
fn key_of(path: &str) -> Option<&str> {
    path.strip_prefix(KEYS).filter(|key| key.is_empty() || key.starts_with('/'))
}

/// Source: etcd 3.4 `etcdserver/apply_v2.go`.
fn write(store: &mut Store, key: &str, request: &Request) -> Result<Arc<etcd_v2store::Event>, Error> {
    let at = (request.expiration != 0).then_some(request.expiration);
    let expiry = Expiry { at, refresh: request.refresh == Some(true) };
    let Request { val, dir, prev_value, prev_index, recursive, .. } = request;
    let compares = *prev_index > 0 || !prev_value.is_empty();
    match (request.method.as_str(), request.prev_exist) {
        ("POST", _) => store.create(key, *dir, val, true, expiry),
        ("DELETE", _) if compares => store.compare_and_delete(key, prev_value, *prev_index),
        ("DELETE", _) => store.delete(key, *dir, *recursive),
        (_, Some(false)) => store.create(key, *dir, val, false, expiry),
        (_, Some(true)) if !compares => store.update(key, val, expiry),
        _ if compares => store.compare_and_swap(key, prev_value, *prev_index, val, expiry),
        _ => store.set(key, *dir, val, expiry),
    }
}

/// What an old member tells about itself or the cluster.
fn publish(request: &Request, cluster: &ClusterState, batch: &mut Batch) {
    /// The value of the key.
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Published {
        name: String,
        #[serde(rename = "clientURLs")]
        client_urls: Vec<String>,
    }
    let Some(path) = request.path.strip_prefix(CLUSTER) else { return };
    if path == "/version" {
        cluster.set_version(&request.val, batch);
        return;
    }
    let id = path.strip_prefix("/members/").and_then(|path| path.strip_suffix("/attributes"));
    let id = id.and_then(|id| id.parse::<MemberId>().ok());
    match (id, serde_json::from_str::<Published>(&request.val)) {
        (Some(id), Ok(Published { name, client_urls })) => {
            let member_attributes = Some(Attributes { name, client_urls });
            cluster.set_attributes(
                &ClusterMemberAttrSetRequest { member_id: id.get(), member_attributes },
                batch,
            );
        }
        _ => warn!(path = request.path, "ignored a malformed member record"),
    }
}

#[cfg(test)]
mod tests;
