//! The requests about users and roles that travel through the log.

use std::fmt;

use bytes::{Bytes, BytesMut};
use etcd_proto::etcdserverpb::{
    AuthDisableRequest, AuthEnableRequest, AuthRoleAddRequest, AuthRoleDeleteRequest, AuthRoleGetRequest,
    AuthRoleGrantPermissionRequest, AuthRoleListRequest, AuthRoleRevokePermissionRequest, AuthStatusRequest,
    AuthUserAddRequest, AuthUserChangePasswordRequest, AuthUserDeleteRequest, AuthUserGetRequest,
    AuthUserGrantRoleRequest, AuthUserListRequest, AuthUserRevokeRoleRequest, InternalAuthenticateRequest,
};
use etcd_proto::prost::encoding::{WireType, message};
use etcd_proto::prost::{self};

use crate::envelope::sub_message;

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident($request:ident) = $field:literal;)*) => {
        /// A request about users, roles or authentication itself.
        ///
        /// Passwords in it are hashes already, but in entries of servers before 3.5.
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub enum AuthRequest {
            $($(#[$doc])* $name($request),)*
        }

        /// The kind alone: some hold a password, or its hash.
        impl fmt::Debug for AuthRequest {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name(_) => stringify!($name),)*
                })
            }
        }

        impl AuthRequest {
            pub(crate) fn encoded_len(&self) -> usize {
                match self {
                    $(Self::$name(request) => message::encoded_len($field, request),)*
                }
            }

            pub(crate) fn encode(&self, buffer: &mut BytesMut) {
                match self {
                    $(Self::$name(request) => message::encode($field, request, buffer),)*
                }
            }

            /// Decodes the field of `InternalRaftRequest`, if it is one of these.
            pub(crate) fn decode_field(
                tag: u32,
                wire_type: WireType,
                data: &mut Bytes,
            ) -> Result<Option<Self>, prost::DecodeError> {
                Ok(match tag {
                    $($field => Some(Self::$name(sub_message(wire_type, data)?)),)*
                    _ => None,
                })
            }
        }
    };
}

requests! {
    /// Check requests from now on.
    Enable(AuthEnableRequest) = 1000;
    /// Check no request any more.
    Disable(AuthDisableRequest) = 1011;
    /// Log in: the password was checked before.
    Authenticate(InternalAuthenticateRequest) = 1012;
    /// A question; members of Go etcd send them through the log. It changes nothing.
    Status(AuthStatusRequest) = 1013;
    /// Add a user.
    UserAdd(AuthUserAddRequest) = 1100;
    /// Remove a user.
    UserDelete(AuthUserDeleteRequest) = 1101;
    /// A question.
    UserGet(AuthUserGetRequest) = 1102;
    /// Set a password.
    UserChangePassword(AuthUserChangePasswordRequest) = 1103;
    /// Give a role to a user.
    UserGrantRole(AuthUserGrantRoleRequest) = 1104;
    /// Take a role from a user.
    UserRevokeRole(AuthUserRevokeRoleRequest) = 1105;
    /// A question.
    UserList(AuthUserListRequest) = 1106;
    /// A question.
    RoleList(AuthRoleListRequest) = 1107;
    /// Add a role.
    RoleAdd(AuthRoleAddRequest) = 1200;
    /// Remove a role.
    RoleDelete(AuthRoleDeleteRequest) = 1201;
    /// A question.
    RoleGet(AuthRoleGetRequest) = 1202;
    /// Add a permission to a role.
    RoleGrantPermission(AuthRoleGrantPermissionRequest) = 1203;
    /// Take a permission from a role.
    RoleRevokePermission(AuthRoleRevokePermissionRequest) = 1204;
}

impl AuthRequest {
    /// What etcd calls it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Enable(_) => "AuthEnable",
            Self::Disable(_) => "AuthDisable",
            Self::Authenticate(_) => "Authenticate",
            Self::Status(_) => "AuthStatus",
            Self::UserAdd(_) => "AuthUserAdd",
            Self::UserDelete(_) => "AuthUserDelete",
            Self::UserGet(_) => "AuthUserGet",
            Self::UserChangePassword(_) => "AuthUserChangePassword",
            Self::UserGrantRole(_) => "AuthUserGrantRole",
            Self::UserRevokeRole(_) => "AuthUserRevokeRole",
            Self::UserList(_) => "AuthUserList",
            Self::RoleList(_) => "AuthRoleList",
            Self::RoleAdd(_) => "AuthRoleAdd",
            Self::RoleDelete(_) => "AuthRoleDelete",
            Self::RoleGet(_) => "AuthRoleGet",
            Self::RoleGrantPermission(_) => "AuthRoleGrantPermission",
            Self::RoleRevokePermission(_) => "AuthRoleRevokePermission",
        }
    }

    /// Whether only somebody with the role `root` may make it.
    pub(crate) const fn needs_admin(&self) -> bool {
        match self {
            Self::Authenticate(_) | Self::Status(_) | Self::UserGet(_) | Self::RoleGet(_) => false,
            Self::Enable(_)
            | Self::Disable(_)
            | Self::UserAdd(_)
            | Self::UserDelete(_)
            | Self::UserChangePassword(_)
            | Self::UserGrantRole(_)
            | Self::UserRevokeRole(_)
            | Self::UserList(_)
            | Self::RoleList(_)
            | Self::RoleAdd(_)
            | Self::RoleDelete(_)
            | Self::RoleGrantPermission(_)
            | Self::RoleRevokePermission(_) => true,
        }
    }
}
