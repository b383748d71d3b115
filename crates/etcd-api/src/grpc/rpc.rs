//! The calls that are counted by name.

use crate::Error;

macro_rules! rpcs {
    ($($name:ident, $kind:literal, $service:literal, $method:literal;)*) => {
        /// A call of the API. Streams that tonic serves are here too: they are admitted and counted alike.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Rpc {
            $($name,)*
        }

        impl Rpc {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The full name, as `/etcdserverpb.KV/Range`.
            pub(crate) const fn path(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("/", $service, "/", $method),)*
                }
            }

            /// Finds the call of this path.
            pub(crate) fn of_path(path: &str) -> Option<Self> {
                match path {
                    $(concat!("/", $service, "/", $method) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The values of the labels `grpc_type`, `grpc_service` and `grpc_method`.
            pub(crate) const fn labels(self) -> [&'static str; 3] {
                match self {
                    $(Self::$name => [$kind, $service, $method],)*
                }
            }
        }
    };
}

rpcs! {
    Range, "unary", "etcdserverpb.KV", "Range";
    RangeStream, "server_stream", "etcdserverpb.KV", "RangeStream";
    Put, "unary", "etcdserverpb.KV", "Put";
    DeleteRange, "unary", "etcdserverpb.KV", "DeleteRange";
    Txn, "unary", "etcdserverpb.KV", "Txn";
    Compact, "unary", "etcdserverpb.KV", "Compact";
    LeaseGrant, "unary", "etcdserverpb.Lease", "LeaseGrant";
    LeaseRevoke, "unary", "etcdserverpb.Lease", "LeaseRevoke";
    LeaseKeepAlive, "bidi_stream", "etcdserverpb.Lease", "LeaseKeepAlive";
    LeaseTimeToLive, "unary", "etcdserverpb.Lease", "LeaseTimeToLive";
    LeaseLeases, "unary", "etcdserverpb.Lease", "LeaseLeases";
    MemberAdd, "unary", "etcdserverpb.Cluster", "MemberAdd";
    MemberRemove, "unary", "etcdserverpb.Cluster", "MemberRemove";
    MemberUpdate, "unary", "etcdserverpb.Cluster", "MemberUpdate";
    MemberList, "unary", "etcdserverpb.Cluster", "MemberList";
    MemberPromote, "unary", "etcdserverpb.Cluster", "MemberPromote";
    Alarm, "unary", "etcdserverpb.Maintenance", "Alarm";
    Status, "unary", "etcdserverpb.Maintenance", "Status";
    Defragment, "unary", "etcdserverpb.Maintenance", "Defragment";
    Hash, "unary", "etcdserverpb.Maintenance", "Hash";
    HashKv, "unary", "etcdserverpb.Maintenance", "HashKV";
    Watch, "bidi_stream", "etcdserverpb.Watch", "Watch";
    Snapshot, "server_stream", "etcdserverpb.Maintenance", "Snapshot";
    MoveLeader, "unary", "etcdserverpb.Maintenance", "MoveLeader";
    Downgrade, "unary", "etcdserverpb.Maintenance", "Downgrade";
    AuthEnable, "unary", "etcdserverpb.Auth", "AuthEnable";
    AuthDisable, "unary", "etcdserverpb.Auth", "AuthDisable";
    AuthStatus, "unary", "etcdserverpb.Auth", "AuthStatus";
    Authenticate, "unary", "etcdserverpb.Auth", "Authenticate";
    UserAdd, "unary", "etcdserverpb.Auth", "UserAdd";
    UserGet, "unary", "etcdserverpb.Auth", "UserGet";
    UserList, "unary", "etcdserverpb.Auth", "UserList";
    UserDelete, "unary", "etcdserverpb.Auth", "UserDelete";
    UserChangePassword, "unary", "etcdserverpb.Auth", "UserChangePassword";
    UserGrantRole, "unary", "etcdserverpb.Auth", "UserGrantRole";
    UserRevokeRole, "unary", "etcdserverpb.Auth", "UserRevokeRole";
    RoleAdd, "unary", "etcdserverpb.Auth", "RoleAdd";
    RoleGet, "unary", "etcdserverpb.Auth", "RoleGet";
    RoleList, "unary", "etcdserverpb.Auth", "RoleList";
    RoleDelete, "unary", "etcdserverpb.Auth", "RoleDelete";
    RoleGrantPermission, "unary", "etcdserverpb.Auth", "RoleGrantPermission";
    RoleRevokePermission, "unary", "etcdserverpb.Auth", "RoleRevokePermission";
    Lock, "unary", "v3lockpb.Lock", "Lock";
    Unlock, "unary", "v3lockpb.Lock", "Unlock";
    Campaign, "unary", "v3electionpb.Election", "Campaign";
    Proclaim, "unary", "v3electionpb.Election", "Proclaim";
    Leader, "unary", "v3electionpb.Election", "Leader";
    Observe, "server_stream", "v3electionpb.Election", "Observe";
    Resign, "unary", "v3electionpb.Election", "Resign";
    HealthCheck, "unary", "grpc.health.v1.Health", "Check";
    HealthWatch, "server_stream", "grpc.health.v1.Health", "Watch";
}

impl Rpc {
    /// Whether answers come as a stream.
    pub(crate) const fn is_stream(self) -> bool {
        matches!(
            self,
            Self::RangeStream
                | Self::LeaseKeepAlive
                | Self::Watch
                | Self::Snapshot
                | Self::Observe
                | Self::HealthWatch
        )
    }

    /// Whether it is decoded and answered here, without tonic.
    pub(crate) const fn is_direct(self) -> bool {
        matches!(
            self,
            Self::Range
                | Self::RangeStream
                | Self::Put
                | Self::DeleteRange
                | Self::Txn
                | Self::Compact
                | Self::LeaseGrant
                | Self::LeaseRevoke
                | Self::LeaseTimeToLive
                | Self::LeaseLeases
                | Self::MemberList
                | Self::Alarm
                | Self::Status
                | Self::Defragment
                | Self::Hash
                | Self::HashKv
                | Self::AuthEnable
                | Self::AuthDisable
                | Self::AuthStatus
                | Self::Authenticate
                | Self::UserAdd
                | Self::UserGet
                | Self::UserList
                | Self::UserDelete
                | Self::UserChangePassword
                | Self::UserGrantRole
                | Self::UserRevokeRole
                | Self::RoleAdd
                | Self::RoleGet
                | Self::RoleList
                | Self::RoleDelete
                | Self::RoleGrantPermission
                | Self::RoleRevokePermission
                | Self::Snapshot
                | Self::MoveLeader
                | Self::Downgrade
                | Self::Lock
                | Self::Unlock
                | Self::Campaign
                | Self::Proclaim
                | Self::Leader
                | Self::Observe
                | Self::Resign
        )
    }

    /// Why a call that is known is still refused; `None` when it is served.
    pub(crate) const fn not_served(self) -> Option<Error> {
        match self {
            Self::MemberAdd | Self::MemberRemove | Self::MemberUpdate | Self::MemberPromote => {
                Some(Error::NotAvailable(self.labels()[2]))
            }
            _ => None,
        }
    }
}
