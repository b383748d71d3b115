//! Changes of the membership that clients ask for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcd_api::v2::MembersError;
use etcd_apply::ApplyError;
use etcd_membership::{Change, Cluster, Member, MemberId, Urls};
use etcd_proto::raftpb::ConfChange;
use etcd_transport::Transport;

use super::ServerReplica;
use super::errors::{apply_error, submit_error};

/// A connection counts once it has stood so long.
///
/// # Source
/// etcd `server/etcdserver/server.go` HealthInterval.
const STEADY: Duration = Duration::from_secs(5);

/// A cheap handle.
#[derive(Clone)]
pub(crate) struct Membership {
    replica: ServerReplica,
    transport: Transport,
    /// `--strict-reconfig-check`
    is_strict: bool,
}

impl Membership {
    pub(crate) const fn new(replica: ServerReplica, transport: Transport, is_strict: bool) -> Self {
        Self { replica, transport, is_strict }
    }

    /// Adds a voter that advertises `peer_urls`.
    pub(super) async fn add(&self, peer_urls: &Urls) -> Result<Member, MembersError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let member = Member::new("", peer_urls, "", Some(i64::try_from(now).unwrap_or(i64::MAX)));
        self.may_add()?;
        self.replica.propose_change(&Change::Add(member.clone())).await?;
        Ok(member)
    }

    /// Takes a member out for good.
    pub(super) async fn remove(&self, id: MemberId) -> Result<(), MembersError> {
        self.may_remove(id)?;
        self.replica.propose_change(&Change::Remove(id)).await
    }

    /// Gives a member other peer URLs.
    pub(super) async fn update(&self, id: MemberId, peer_urls: &Urls) -> Result<(), MembersError> {
        self.replica.propose_change(&Change::Update { id, peer_urls: peer_urls.to_strings() }).await
    }

    /// # Source
    /// etcd `server/etcdserver/server.go` mayAddMember.
    fn may_add(&self) -> Result<(), MembersError> {
        if !self.is_strict {
            return Ok(());
        }
        let cluster = self.replica.0.cluster.get();
        if !cluster.is_ready_to_add_voter() {
            return Err(MembersError::NotEnoughStarted);
        }
        let voters = cluster.voters().count();
        // The new one counts as down.
        if voters > 1 && self.connected(&cluster) < quorum(voters + 1) {
            return Err(MembersError::Unhealthy);
        }
        Ok(())
    }

    /// # Source
    /// etcd `server/etcdserver/server.go` mayRemoveMember.
    fn may_remove(&self, id: MemberId) -> Result<(), MembersError> {
        let cluster = self.replica.0.cluster.get();
        if !self.is_strict || cluster.member(id).is_some_and(|member| member.is_learner) {
            return Ok(());
        }
        if !cluster.is_ready_to_remove_voter(id) {
            return Err(MembersError::NotEnoughStarted);
        }
        // One that is down is not part of the quorum that there is.
        if id != self.replica.0.member_id && self.active_since(id).is_none() {
            return Ok(());
        }
        let left = cluster.voters().count().saturating_sub(1);
        if self.connected(&cluster).saturating_sub(1) < quorum(left) {
            return Err(MembersError::Unhealthy);
        }
        Ok(())
    }

    /// Voters that this member has been connected to for a while, itself included.
    fn connected(&self, cluster: &Cluster) -> usize {
        let own = self.replica.0.member_id;
        let is_steady = |since: SystemTime| since.elapsed().is_ok_and(|connected| connected >= STEADY);
        cluster
            .voters()
            .filter(|member| member.id == own || self.active_since(member.id).is_some_and(is_steady))
            .count()
    }

    fn active_since(&self, id: MemberId) -> Option<SystemTime> {
        self.transport.peer_status().into_iter().find(|peer| peer.id == id)?.active_since
    }
}

const fn quorum(voters: usize) -> usize {
    voters / 2 + 1
}

impl ServerReplica {
    /// Proposes a change and waits until it is applied here.
    async fn propose_change(&self, change: &Change) -> Result<(), MembersError> {
        let (kind, context) = change.encode();
        let id = self.0.ids.next();
        let node_id = change.id().get();
        let change = ConfChange { id, r#type: kind as i32, node_id, context: context.into() };
        let mut waiting = self.0.waiters.register(id);
        self.0.raft.propose_conf_change(change).map_err(submit_error)?;
        match self.outcome(&mut waiting).await? {
            Ok(_members) => Ok(()),
            Err(ApplyError::Membership(refused)) => Err(MembersError::Refused(refused)),
            Err(other) => Err(MembersError::Server(apply_error(other))),
        }
    }
}
