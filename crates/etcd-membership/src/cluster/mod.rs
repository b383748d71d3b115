//! Who is in the cluster, and how that changes.

mod change;
mod error;
mod quorum;
#[cfg(test)]
mod tests;

pub use change::{Change, ChangeKind, DecodeChangeError};
pub use error::{ChangeError, NewClusterError};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{ClusterId, ClusterVersion, Member, MemberId, UrlsMap};

/// etcd's default for `--max-learners`.
pub const DEFAULT_MAX_LEARNERS: usize = 1;

/// The members of one cluster. A plain value: deterministic, ordered by id, cheap to clone for readers.
///
/// Invariants: a removed id is never a member again, and an id is never both a member and removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    id: ClusterId,
    members: BTreeMap<MemberId, Member>,
    removed: BTreeSet<MemberId>,
    version: Option<ClusterVersion>,
    max_learners: usize,
}

impl Cluster {
    /// A cluster with the id and members that a running cluster, or storage, reports.
    pub fn new(id: ClusterId, members: impl IntoIterator<Item = Member>) -> Self {
        Self {
            id,
            members: members.into_iter().map(|member| (member.id, member)).collect(),
            removed: BTreeSet::new(),
            version: None,
            max_learners: DEFAULT_MAX_LEARNERS,
        }
    }

    /// A new cluster: derives the ids of all members, and from them its own.
    ///
    /// # Errors
    /// When an id comes out as 0, or twice.
    /// # Source
    /// etcd `server/etcdserver/api/membership/cluster.go`, `NewClusterFromURLsMap`.
    pub fn from_urls_map(map: &UrlsMap, token: &str) -> Result<Self, NewClusterError> {
        let mut cluster = Self::new(ClusterId::new(0), []);
        for (name, urls) in map.iter() {
            let member = Member::new(name, urls, token, None);
            if member.id == MemberId::new(0) {
                return Err(NewClusterError::ZeroId);
            }
            if cluster.members.contains_key(&member.id) {
                return Err(NewClusterError::IdenticalId(Box::new(member)));
            }
            cluster.members.insert(member.id, member);
        }
        cluster.id = ClusterId::derive(cluster.members.keys().copied());
        Ok(cluster)
    }

    /// The same cluster with these ids marked as removed.
    #[must_use]
    pub fn with_removed(mut self, removed: impl IntoIterator<Item = MemberId>) -> Self {
        self.removed.extend(removed);
        self
    }

    /// The same cluster with another limit for learners.
    #[must_use]
    pub fn with_max_learners(mut self, max_learners: usize) -> Self {
        self.max_learners = max_learners;
        self
    }

    /// Identifies the cluster.
    pub fn id(&self) -> ClusterId {
        self.id
    }

    /// All members, learners included, by id.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    /// The members with a vote, by id.
    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| !member.is_learner)
    }

    /// The member with this id.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// The member with this name; of several the one with the lowest id.
    pub fn member_by_name(&self, name: &str) -> Option<&Member> {
        self.members.values().find(|member| member.name == name)
    }

    /// Whether the id belonged to a member that was removed.
    pub fn is_removed(&self, id: MemberId) -> bool {
        self.removed.contains(&id)
    }

    /// The removed ids, sorted.
    pub fn removed(&self) -> impl ExactSizeIterator<Item = MemberId> {
        self.removed.iter().copied()
    }

    /// All peer URLs of all members but the one named `name`, sorted.
    pub fn remote_peer_urls(&self, name: &str) -> Vec<String> {
        let others = self.members.values().filter(|member| member.name != name);
        let mut urls: Vec<String> = others.flat_map(|member| member.peer_urls.iter().cloned()).collect();
        urls.sort_unstable();
        urls
    }

    /// The version that the cluster has agreed on; `None` until it has.
    pub fn version(&self) -> Option<ClusterVersion> {
        self.version
    }

    /// Records the version that the cluster has agreed on.
    pub fn set_version(&mut self, version: ClusterVersion) {
        self.version = Some(version);
    }

    /// Whether `change` may be applied to the cluster as it is now.
    ///
    /// # Errors
    /// The first rule that is broken.
    /// # Source
    /// etcd `server/etcdserver/api/membership/cluster.go`, `ValidateConfigurationChange`.
    pub fn validate(&self, change: &Change) -> Result<(), ChangeError> {
        let id = change.id();
        if self.is_removed(id) {
            return Err(ChangeError::IdRemoved);
        }
        let existing = self.members.get(&id);
        match change {
            Change::Add(member) => {
                if existing.is_some() {
                    return Err(ChangeError::IdExists);
                }
                self.check_peer_urls(&member.peer_urls, None)?;
                if member.is_learner && self.learners() >= self.max_learners {
                    return Err(ChangeError::TooManyLearners);
                }
            }
            Change::Promote(_) => match existing {
                None => return Err(ChangeError::IdNotFound),
                Some(member) if !member.is_learner => return Err(ChangeError::NotLearner),
                Some(_) => {}
            },
            Change::Remove(_) => {
                existing.ok_or(ChangeError::IdNotFound)?;
            }
            Change::Update { peer_urls, .. } => {
                existing.ok_or(ChangeError::IdNotFound)?;
                self.check_peer_urls(peer_urls, Some(id))?;
            }
        }
        Ok(())
    }

    /// Makes a change that [`Cluster::validate`] has accepted.
    ///
    /// Changes of unknown members (other than adding them) do nothing; every member of a cluster sees the same.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Add(member) => {
                self.members.insert(member.id, member.clone());
            }
            Change::Promote(id) => {
                if let Some(member) = self.members.get_mut(id) {
                    member.is_learner = false;
                }
            }
            Change::Remove(id) => {
                self.members.remove(id);
                self.removed.insert(*id);
            }
            Change::Update { id, peer_urls } => {
                if let Some(member) = self.members.get_mut(id) {
                    member.peer_urls.clone_from(peer_urls);
                }
            }
        }
    }

    /// Records what a member publishes about itself. Returns whether there is such a member: a removed one may
    /// still publish, and is ignored.
    pub fn set_attributes(&mut self, id: MemberId, name: &str, client_urls: &[String]) -> bool {
        let Some(member) = self.members.get_mut(&id) else { return false };
        name.clone_into(&mut member.name);
        member.client_urls = client_urls.to_vec();
        true
    }

    /// Whether there are more learners than `limit`.
    ///
    /// # Errors
    /// `TooManyLearners`.
    pub fn check_learners(&self, limit: usize) -> Result<(), ChangeError> {
        if self.learners() > limit { Err(ChangeError::TooManyLearners) } else { Ok(()) }
    }

    fn learners(&self) -> usize {
        self.members.values().filter(|member| member.is_learner).count()
    }

    fn check_peer_urls(&self, urls: &[String], of: Option<MemberId>) -> Result<(), ChangeError> {
        let mut others = self.members.values().filter(|member| Some(member.id) != of);
        if others.any(|member| member.peer_urls.iter().any(|url| urls.contains(url))) {
            return Err(ChangeError::PeerUrlExists);
        }
        Ok(())
    }
}

impl fmt::Display for Cluster {
    /// The form in which etcd's messages show a cluster.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<String> = self.members.values().map(Member::to_string).collect();
        let removed: Vec<String> = self.removed.iter().map(MemberId::to_string).collect();
        write!(
            f,
            "{{ClusterID:{} Members:[{}] RemovedMemberIDs:[{}]}}",
            self.id,
            members.join(" "),
            removed.join(" ")
        )
    }
}
