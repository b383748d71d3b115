//! The membership as the log has built it, and its records in storage.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use etcd_membership::{Change, ChangeError, Cluster, ClusterId, ClusterVersion, Member, MemberId};
use etcd_proto::membershippb::ClusterMemberAttrSetRequest;
use etcd_storage::{Batch, Bucket, Storage};
use tracing::{info, warn};

const VERSION_KEY: &[u8] = b"clusterVersion";
const REMOVED: &[u8] = b"removed";

/// The membership records cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Storage failed.
    #[error("cannot read the membership records")]
    Read(#[from] etcd_storage::ReadError),
    /// A record is not what this server writes.
    #[error("malformed membership record {key:?}")]
    Malformed {
        /// Of the record.
        key: String,
    },
}

/// What a change of the membership means for the connections between members.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MembershipChange {
    /// A member came, or its peer URLs changed.
    Upserted(Member),
    /// A member left for good.
    Removed(MemberId),
    /// A learner became a voter.
    Promoted(MemberId),
    /// A snapshot brought a whole new membership; compare all of it.
    Replaced,
}

/// The cluster as far as the log was applied; a cheap handle, read from any thread without a lock.
///
/// Only the apply thread changes it.
#[derive(Debug, Clone)]
pub struct ClusterState(Arc<ArcSwap<Cluster>>);

impl ClusterState {
    /// Starts from a cluster without members, of which only the id matters.
    pub fn new(cluster: Cluster) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(cluster)))
    }

    /// Gives the cluster its id, where that becomes known after the members.
    pub fn name(&self, id: ClusterId) {
        let now = self.0.load();
        let mut named = Cluster::new(id, now.members().cloned()).with_removed(now.removed());
        if let Some(version) = now.version() {
            named.set_version(version);
        }
        self.0.store(Arc::new(named));
    }

    /// The cluster now.
    pub fn get(&self) -> Arc<Cluster> {
        self.0.load_full()
    }

    /// All members, by id.
    pub fn members(&self) -> Vec<Member> {
        self.0.load().members().cloned().collect()
    }

    pub(crate) fn load(&self, storage: &Storage) -> Result<(), LoadError> {
        let members = rows(storage, Bucket::MEMBERS, |key, value| {
            serde_json::from_slice(value).map_err(|_| malformed(key))
        })?;
        let removed =
            rows(storage, Bucket::MEMBERS_REMOVED, |key, _| parse_id(key).ok_or_else(|| malformed(key)))?;
        let mut cluster = Cluster::new(self.0.load().id(), members).with_removed(removed);
        if let Some(version) = storage.get(Bucket::CLUSTER, VERSION_KEY)? {
            cluster.set_version(parse_version(&version).ok_or_else(|| malformed(VERSION_KEY))?);
        }
        self.0.store(Arc::new(cluster));
        Ok(())
    }

    /// Whether the change may be made now.
    pub(crate) fn check(&self, change: &Change, max_learners: usize) -> Result<(), ChangeError> {
        Cluster::clone(&self.0.load()).with_max_learners(max_learners).validate(change)
    }

    /// Makes a change that passed [`ClusterState::check`].
    pub(crate) fn make(&self, change: &Change, batch: &mut Batch) -> MembershipChange {
        let mut cluster = Cluster::clone(&self.0.load());
        cluster.apply(change);
        let id = change.id();
        match change {
            Change::Remove(_) => {
                info!(member_id = %id, "removed member");
                batch.delete(Bucket::MEMBERS, id_key(id));
                batch.put(Bucket::MEMBERS_REMOVED, id_key(id), Bytes::from_static(REMOVED));
            }
            _ => put_member(&cluster, id, batch),
        }
        let effect = match change {
            Change::Remove(_) => MembershipChange::Removed(id),
            Change::Promote(_) => MembershipChange::Promoted(id),
            Change::Add(_) | Change::Update { .. } => {
                cluster.member(id).map_or(MembershipChange::Replaced, |member| {
                    info!(member_id = %id, peer_urls = member.peer_urls.join(","), is_learner = member.is_learner, "added or updated member");
                    MembershipChange::Upserted(member.clone())
                })
            }
        };
        self.0.store(Arc::new(cluster));
        effect
    }

    pub(crate) fn set_attributes(&self, request: &ClusterMemberAttrSetRequest, batch: &mut Batch) {
        let id = MemberId::new(request.member_id);
        let attributes = request.member_attributes.clone().unwrap_or_default();
        let mut cluster = Cluster::clone(&self.0.load());
        if cluster.set_attributes(id, &attributes.name, &attributes.client_urls) {
            put_member(&cluster, id, batch);
            self.0.store(Arc::new(cluster));
        } else {
            warn!(member_id = %id, "a member that is not in the cluster published itself");
        }
    }

    pub(crate) fn set_version(&self, text: &str, batch: &mut Batch) {
        let Some(version) = parse_version(text.as_bytes()) else {
            warn!(version = text, "ignored a malformed cluster version");
            return;
        };
        let mut cluster = Cluster::clone(&self.0.load());
        let before = cluster.version();
        cluster.set_version(version);
        self.0.store(Arc::new(cluster));
        batch.put(Bucket::CLUSTER, Bytes::from_static(VERSION_KEY), Bytes::copy_from_slice(text.as_bytes()));
        match before {
            None => info!(cluster_version = %version, "set initial cluster version"),
            Some(before) => info!(from = %before, to = %version, "updated cluster version"),
        }
    }
}

/// Reads every row of a bucket.
fn rows<T>(
    storage: &Storage,
    bucket: Bucket,
    parse: impl Fn(&[u8], &[u8]) -> Result<T, LoadError>,
) -> Result<Vec<T>, LoadError> {
    let mut found = Vec::new();
    storage.range(bucket, Bound::Unbounded, Bound::Unbounded, |key, value| {
        found.push(parse(key, value));
        ControlFlow::Continue(())
    })?;
    found.into_iter().collect()
}

fn put_member(cluster: &Cluster, id: MemberId, batch: &mut Batch) {
    let Some(member) = cluster.member(id) else { return };
    let json = serde_json::to_vec(member).unwrap_or_else(|error| unreachable!("a member as JSON: {error}"));
    batch.put(Bucket::MEMBERS, id_key(id), json);
}

fn id_key(id: MemberId) -> Bytes {
    id.to_string().into_bytes().into()
}

fn parse_id(key: &[u8]) -> Option<MemberId> {
    std::str::from_utf8(key).ok()?.parse().ok()
}

fn parse_version(text: &[u8]) -> Option<ClusterVersion> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn malformed(key: &[u8]) -> LoadError {
    LoadError::Malformed { key: String::from_utf8_lossy(key).into_owned() }
}
