//! v3 discovery: the service is a directory of keys in an etcd cluster.
//!
//! ```text
//! /_etcd/registry/<token>/_config/size           "3"
//! /_etcd/registry/<token>/members/<member id>    "infra0=http://10.0.1.10:2380"
//! ```

mod address;
mod connect;
mod service;

use std::collections::BTreeSet;
use std::time::Duration;

use etcd_membership::{MemberId, Urls};
use etcd_proto::etcdserverpb::{PutRequest, RangeRequest, RangeResponse};
use etcd_proto::mvccpb::KeyValue;
use tracing::warn;

use self::service::Service;
use crate::entry::{Entry, Found, Local, check};
use crate::error::{DiscoveryError, shorten};
use crate::join::{Registry, join, parse_size};
use crate::options::V3Options;
use crate::retry::Failure;

/// Registers with a v3 discovery service and waits for the other members.
///
/// Waits as long as members are missing. Cancel safety: the registration stays with the service; a member with the same
/// name and URLs may come again.
///
/// # Errors
/// [`DiscoveryError`]
pub async fn join_v3(options: &V3Options, name: &str, peer_urls: &Urls) -> Result<Found, DiscoveryError> {
    let local = Local::new(name, peer_urls, &options.token)?;
    let service = Service::new(options)?;
    let keys = Keys { prefix: format!("/_etcd/registry/{}/", options.token) };
    let mut registry = V3 { service, keys, wait_timeout: options.wait_timeout };
    join(&mut registry, &options.token, &local, &options.pauses).await
}

/// Where things are.
struct Keys {
    /// Ends with a slash.
    prefix: String,
}

impl Keys {
    fn size(&self) -> String {
        format!("{}_config/size", self.prefix)
    }

    fn members(&self) -> String {
        format!("{}members/", self.prefix)
    }

    /// The first key after all members.
    fn members_end(&self) -> String {
        format!("{}members0", self.prefix)
    }
}

struct V3 {
    service: Service,
    keys: Keys,
    wait_timeout: Duration,
}

impl Registry for V3 {
    /// The revision of an answer.
    type Seen = i64;

    fn place(&self) -> String {
        self.service.place()
    }

    async fn size(&mut self) -> Result<usize, Failure> {
        let key = self.keys.size();
        let request = RangeRequest { key: key.clone().into(), ..RangeRequest::default() };
        let answer = self.service.range(request).await?;
        size_in(&answer, key)
    }

    async fn entries(&mut self) -> Result<(Vec<Entry>, i64), Failure> {
        let members = self.keys.members();
        let range_end = self.keys.members_end();
        let request = RangeRequest {
            key: members.clone().into(),
            range_end: range_end.into(),
            ..RangeRequest::default()
        };
        let answer = self.service.range(request).await?;
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        Ok((entries_in(&answer, &members), revision))
    }

    async fn register(&mut self, local: &Local) -> Result<(), Failure> {
        let key = format!("{}{}", self.keys.members(), local.id);
        let request =
            PutRequest { key: key.into(), value: local.value.clone().into(), ..PutRequest::default() };
        self.service.put(request).await
    }

    async fn change(&mut self, since: i64) -> Result<(), Failure> {
        let (from, to) = (self.keys.members(), self.keys.members_end());
        self.service.watch(from, to, since.saturating_add(1), self.wait_timeout).await
    }
}

/// The size of the cluster, which is expected under `key`.
fn size_in(answer: &RangeResponse, key: String) -> Result<usize, Failure> {
    match answer.kvs.first() {
        Some(kv) => Ok(parse_size(&String::from_utf8_lossy(&kv.value))?),
        None => Err(DiscoveryError::SizeMissing { config: key, answer: None }.into()),
    }
}

/// The members, whose keys begin with `members`.
fn entries_in(answer: &RangeResponse, members: &str) -> Vec<Entry> {
    let mut ids = BTreeSet::new();
    let mut entries: Vec<Entry> = answer.kvs.iter().filter_map(|kv| entry(members, kv)).collect();
    entries.retain(|entry| {
        let is_new = ids.insert(entry.id.clone());
        if !is_new {
            warn!(member_id = entry.id, "found duplicate peer from discovery service");
        }
        is_new
    });
    entries
}

/// Both readings of an answer to the token `t`: see [`crate::fuzz`].
pub(crate) fn fuzz_answer(answer: &RangeResponse) -> (Result<usize, Failure>, Vec<Entry>) {
    let keys = Keys { prefix: "/_etcd/registry/t/".to_owned() };
    (size_in(answer, keys.size()), entries_in(answer, &keys.members()))
}

/// One member, unless somebody has put something else there.
fn entry(members: &str, kv: &KeyValue) -> Option<Entry> {
    let key = String::from_utf8_lossy(&kv.key);
    let id = key.strip_prefix(members).unwrap_or_default();
    if id.parse::<MemberId>().is_err() || id.is_empty() {
        warn!(key = shorten(&key), "invalid peer registry key");
        return None;
    }
    let value = String::from_utf8_lossy(&kv.value).into_owned();
    let order = u64::try_from(kv.create_revision).unwrap_or_default();
    let entry = Entry { id: id.to_owned(), value, order };
    match check(&entry) {
        Ok(_) => Some(entry),
        Err(error) => {
            warn!(%error, "invalid peer info returned from discovery service");
            None
        }
    }
}
