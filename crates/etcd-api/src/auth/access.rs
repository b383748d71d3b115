//! Who may make which call.

use crate::grpc::Rpc;

/// What a call needs while authentication is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it comes before a login, or tells nothing.
    Open,
    /// Any user.
    User,
    /// The role `root`.
    Admin,
    /// It depends on the keys, leases or names in the request, which the replica looks at.
    ByRequest,
}

impl Rpc {
    /// What the call needs.
    ///
    /// Without a last resort on purpose: a new call does not compile until somebody has decided.
    ///
    /// # Source
    /// etcd `server/etcdserver/v3_server.go`, `server/etcdserver/api/v3rpc/maintenance.go`,
    /// `server/etcdserver/apply/auth.go`.
    pub(crate) const fn access(self) -> Access {
        match self {
            Self::Authenticate | Self::AuthStatus | Self::HealthCheck | Self::HealthWatch => Access::Open,
            // Calls about leases look at the keys of the lease as well.
            Self::LeaseGrant
            | Self::LeaseRevoke
            | Self::LeaseKeepAlive
            | Self::LeaseTimeToLive
            | Self::LeaseLeases
            | Self::Status
            | Self::Alarm => Access::User,
            Self::Compact
            | Self::MemberAdd
            | Self::MemberRemove
            | Self::MemberUpdate
            | Self::MemberPromote
            | Self::Defragment
            | Self::Hash
            | Self::HashKv
            | Self::Snapshot
            | Self::MoveLeader
            | Self::Downgrade => Access::Admin,
            // The list may wait for the log, and users are those of then.
            Self::MemberList
            | Self::Range
            | Self::RangeStream
            // Each range is, when it is asked for.
            | Self::Watch
            | Self::Put
            | Self::DeleteRange
            | Self::Txn
            // They are made of reads, transactions and deletes.
            | Self::Lock
            | Self::Unlock
            | Self::Campaign
            | Self::Proclaim
            | Self::Leader
            | Self::Observe
            | Self::Resign
            // Checked where the entry is applied, against users and roles as they stand there.
            | Self::AuthEnable
            | Self::AuthDisable
            | Self::UserAdd
            | Self::UserDelete
            | Self::UserChangePassword
            | Self::UserGrantRole
            | Self::UserRevokeRole
            | Self::RoleAdd
            | Self::RoleDelete
            | Self::RoleGrantPermission
            | Self::RoleRevokePermission
            // Checked against the users that are asked for.
            | Self::UserGet
            | Self::UserList
            | Self::RoleGet
            | Self::RoleList => Access::ByRequest,
        }
    }
}
