//! The strict reconfiguration check: a change must leave enough started members for a quorum.
//!
//! Source: etcd `server/etcdserver/api/membership/cluster.go`, `IsReadyTo…`.

use super::Cluster;
use crate::MemberId;

impl Cluster {
    /// Whether one more voter, not yet started, leaves a quorum of started ones.
    ///
    /// The exception is a cluster of one started member, which may always grow.
    pub fn is_ready_to_add_voter(&self) -> bool {
        let (voters, started) = self.count(None);
        (voters == 1 && started == 1) || has_quorum(voters + 1, started)
    }

    /// Whether the voters that stay after `id` is removed have a quorum of started ones.
    pub fn is_ready_to_remove_voter(&self, id: MemberId) -> bool {
        let (voters, started) = self.count(Some(id));
        has_quorum(voters, started)
    }

    /// Whether a learner, counted as started, may become a voter.
    pub fn is_ready_to_promote(&self) -> bool {
        let (voters, started) = self.count(None);
        has_quorum(voters + 1, started + 1)
    }

    fn count(&self, without: Option<MemberId>) -> (usize, usize) {
        self.voters().filter(|member| Some(member.id) != without).fold((0, 0), |(voters, started), member| {
            (voters + 1, started + usize::from(member.is_started()))
        })
    }
}

fn has_quorum(voters: usize, started: usize) -> bool {
    started > voters / 2
}
