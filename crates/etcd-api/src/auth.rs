//! The service `etcdserverpb.Auth`, and who makes a request.

mod access;
mod credentials;

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use etcd_proto::authpb::Permission;
use etcd_proto::etcdserverpb::{
    AuthDisableRequest, AuthDisableResponse, AuthEnableRequest, AuthEnableResponse, AuthRoleAddRequest,
    AuthRoleAddResponse, AuthRoleDeleteRequest, AuthRoleDeleteResponse, AuthRoleGetRequest,
    AuthRoleGetResponse, AuthRoleGrantPermissionRequest, AuthRoleGrantPermissionResponse,
    AuthRoleListRequest, AuthRoleListResponse, AuthRoleRevokePermissionRequest,
    AuthRoleRevokePermissionResponse, AuthStatusRequest, AuthStatusResponse, AuthUserAddRequest,
    AuthUserAddResponse, AuthUserChangePasswordRequest, AuthUserChangePasswordResponse,
    AuthUserDeleteRequest, AuthUserDeleteResponse, AuthUserGetRequest, AuthUserGetResponse,
    AuthUserGrantRoleRequest, AuthUserGrantRoleResponse, AuthUserListRequest, AuthUserListResponse,
    AuthUserRevokeRoleRequest, AuthUserRevokeRoleResponse, AuthenticateRequest, AuthenticateResponse,
};

pub use access::Access;
pub use credentials::{CommonName, Credentials};

use http::{HeaderMap, Response};

use crate::api::{Shared, unknown};
use crate::grpc::{self, Body, Call, Rpc};
use crate::serve::Remote;
use crate::{Error, Replica};

/// What the service needs of the replica. By default there are no users, and nobody is asked who he is.
///
/// A handle acts for somebody ([`Accounts::acting_for`]); what is done through it is checked as his while
/// authentication is on. A handle that acts for nobody may do nothing then.
pub trait Accounts: Clone + Send + Sync + 'static {
    /// The same replica, acting for whoever shows these credentials. They are looked at when they are needed.
    #[must_use]
    fn acting_for(&self, credentials: Credentials) -> Self {
        let _everybody = credentials;
        self.clone()
    }

    /// The same replica for a call that lasts: acts for whoever this handle acts for now, even when his token ends
    /// meanwhile. What he may do is looked at whenever he does something.
    ///
    /// # Errors
    /// `InvalidAuthToken`, and those of a read barrier.
    fn for_long(&self) -> impl Future<Output = Result<Self, Error>> + Send {
        std::future::ready(Ok(self.clone()))
    }

    /// Whether requests are checked.
    fn auth_enabled(&self) -> bool {
        false
    }

    /// Whether users may prove who they are by the common name of a certificate.
    fn takes_common_names(&self) -> bool {
        false
    }

    /// Whether whoever the handle acts for may do what needs `access`.
    ///
    /// # Errors
    /// etcd's: `InvalidAuthToken`, `UserEmpty`, `UserNotFound`, `PermissionDenied`.
    fn permit(&self, access: Access) -> impl Future<Output = Result<(), Error>> + Send {
        let _everybody = access;
        std::future::ready(Ok(()))
    }

    /// Changes users, roles or the switch, through the log.
    fn change_accounts(&self, change: AccountChange) -> impl Future<Output = Result<(), Error>> + Send {
        drop(change);
        std::future::ready(Err(Error::NotAvailable("Auth")))
    }

    /// Makes a token for a user who knows the password.
    fn log_in(&self, name: String, password: String) -> impl Future<Output = Result<String, Error>> + Send {
        drop((name, password));
        std::future::ready(Err(Error::NotAvailable("Authenticate")))
    }

    /// Whether authentication is on, and the revision of users and roles.
    fn auth_status(&self) -> impl Future<Output = Result<(bool, u64), Error>> + Send {
        std::future::ready(Ok((false, 0)))
    }

    /// The roles of a user.
    fn user_roles(&self, name: String) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        drop(name);
        std::future::ready(Err(Error::UserNotFound))
    }

    /// The names of all users.
    fn users(&self) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// What a role allows.
    fn role_permissions(&self, role: String) -> impl Future<Output = Result<Vec<Permission>, Error>> + Send {
        drop(role);
        std::future::ready(Err(Error::RoleNotFound))
    }

    /// The names of all roles.
    fn roles(&self) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
}

/// Answers a call of the service.
pub(crate) async fn direct<R, B>(
    api: &Shared<R>,
    rpc: Rpc,
    headers: &HeaderMap,
    body: &mut B,
    remote: Remote,
) -> Response<Body>
where
    R: Replica,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    macro_rules! answer {
        ($request:ident) => {
            grpc::answer::<R, $request, B>(api, headers, body, remote).await
        };
    }
    match rpc {
        Rpc::AuthEnable => answer!(AuthEnableRequest),
        Rpc::AuthDisable => answer!(AuthDisableRequest),
        Rpc::AuthStatus => answer!(AuthStatusRequest),
        Rpc::Authenticate => answer!(AuthenticateRequest),
        Rpc::UserAdd => answer!(AuthUserAddRequest),
        Rpc::UserGet => answer!(AuthUserGetRequest),
        Rpc::UserList => answer!(AuthUserListRequest),
        Rpc::UserDelete => answer!(AuthUserDeleteRequest),
        Rpc::UserChangePassword => answer!(AuthUserChangePasswordRequest),
        Rpc::UserGrantRole => answer!(AuthUserGrantRoleRequest),
        Rpc::UserRevokeRole => answer!(AuthUserRevokeRoleRequest),
        Rpc::RoleAdd => answer!(AuthRoleAddRequest),
        Rpc::RoleGet => answer!(AuthRoleGetRequest),
        Rpc::RoleList => answer!(AuthRoleListRequest),
        Rpc::RoleDelete => answer!(AuthRoleDeleteRequest),
        Rpc::RoleGrantPermission => answer!(AuthRoleGrantPermissionRequest),
        Rpc::RoleRevokePermission => answer!(AuthRoleRevokePermissionRequest),
        _ => unknown(rpc.path()).into_http(),
    }
}

macro_rules! changes {
    ($($(#[$doc:meta])* $name:ident($request:ident) -> $response:ident, $rpc:ident;)*) => {
        /// A request that changes users, roles or the switch.
        #[non_exhaustive]
        pub enum AccountChange {
            $($(#[$doc])* $name($request),)*
        }

        /// The kind alone: some hold a password.
        impl fmt::Debug for AccountChange {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name(_) => stringify!($name),)*
                })
            }
        }

        $(impl<R: Replica> Call<R> for $request {
            const RPC: Rpc = Rpc::$rpc;
            type Answer = $response;

            async fn run(self, api: &Shared<R>) -> Result<$response, Error> {
                api.replica.change_accounts(AccountChange::$name(self)).await?;
                let mut answer = $response::default();
                api.fill(&mut answer.header);
                Ok(answer)
            }
        })*
    };
}

changes! {
    /// Check requests from now on.
    Enable(AuthEnableRequest) -> AuthEnableResponse, AuthEnable;
    /// Check no request any more.
    Disable(AuthDisableRequest) -> AuthDisableResponse, AuthDisable;
    /// Add a user, with the password itself.
    UserAdd(AuthUserAddRequest) -> AuthUserAddResponse, UserAdd;
    /// Remove a user.
    UserDelete(AuthUserDeleteRequest) -> AuthUserDeleteResponse, UserDelete;
    /// Set a password, given itself.
    UserChangePassword(AuthUserChangePasswordRequest) -> AuthUserChangePasswordResponse, UserChangePassword;
    /// Give a role to a user.
    UserGrantRole(AuthUserGrantRoleRequest) -> AuthUserGrantRoleResponse, UserGrantRole;
    /// Take a role from a user.
    UserRevokeRole(AuthUserRevokeRoleRequest) -> AuthUserRevokeRoleResponse, UserRevokeRole;
    /// Add a role.
    RoleAdd(AuthRoleAddRequest) -> AuthRoleAddResponse, RoleAdd;
    /// Remove a role.
    RoleDelete(AuthRoleDeleteRequest) -> AuthRoleDeleteResponse, RoleDelete;
    /// Add a permission to a role.
    RoleGrantPermission(AuthRoleGrantPermissionRequest) -> AuthRoleGrantPermissionResponse, RoleGrantPermission;
    /// Take a permission from a role.
    RoleRevokePermission(AuthRoleRevokePermissionRequest) -> AuthRoleRevokePermissionResponse, RoleRevokePermission;
}

macro_rules! questions {
    ($($request:ident -> $response:ident, $rpc:ident, |$self:ident, $api:ident| $answer:expr;)*) => {
        $(impl<R: Replica> Call<R> for $request {
            const RPC: Rpc = Rpc::$rpc;
            type Answer = $response;

            async fn run(self, $api: &Shared<R>) -> Result<$response, Error> {
                let $self = self;
                let mut answer: $response = $answer;
                $api.fill(&mut answer.header);
                Ok(answer)
            }
        })*
    };
}

questions! {
    AuthenticateRequest -> AuthenticateResponse, Authenticate, |request, api| {
        let token = api.replica.log_in(request.name, request.password).await?;
        AuthenticateResponse { header: None, token }
    };
    AuthStatusRequest -> AuthStatusResponse, AuthStatus, |_request, api| {
        let (enabled, auth_revision) = api.replica.auth_status().await?;
        AuthStatusResponse { header: None, enabled, auth_revision }
    };
    AuthUserGetRequest -> AuthUserGetResponse, UserGet, |request, api| {
        AuthUserGetResponse { header: None, roles: api.replica.user_roles(request.name).await? }
    };
    AuthUserListRequest -> AuthUserListResponse, UserList, |_request, api| {
        AuthUserListResponse { header: None, users: api.replica.users().await? }
    };
    AuthRoleGetRequest -> AuthRoleGetResponse, RoleGet, |request, api| {
        AuthRoleGetResponse { header: None, perm: api.replica.role_permissions(request.role).await? }
    };
    AuthRoleListRequest -> AuthRoleListResponse, RoleList, |_request, api| {
        AuthRoleListResponse { header: None, roles: api.replica.roles().await? }
    };
}
