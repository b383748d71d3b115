//! Applies requests about users and roles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use etcd_auth::{Accounts, AuthError, Touched, password};
use etcd_proto::etcdserverpb::{
    AuthRoleGrantPermissionRequest, AuthUserAddRequest, AuthUserChangePasswordRequest,
    InternalAuthenticateRequest,
};
use etcd_storage::Batch;
use tracing::info;

use super::{AuthEvent, AuthRequest, AuthState, records};
use crate::outcome::Response;

impl AuthState {
    /// Applies the entry at `index`, whose maker is known to be allowed to.
    pub(crate) fn apply(
        &self,
        request: &AuthRequest,
        index: u64,
        batch: &mut Batch,
        tell: &mut dyn FnMut(AuthEvent<'_>),
    ) -> Result<Response, AuthError> {
        if let AuthRequest::Authenticate(request) = request {
            return self.log_in(request, index, tell);
        }
        self.change(batch, |accounts| change(accounts, request, index))?;
        match request {
            AuthRequest::Disable(_) => tell(AuthEvent::AllRevoked),
            AuthRequest::UserDelete(request) => tell(AuthEvent::Revoked { user: &request.name }),
            AuthRequest::UserChangePassword(request) => tell(AuthEvent::Revoked { user: &request.name }),
            _ => {}
        }
        note(request);
        Ok(Response::Done)
    }

    fn log_in(
        &self,
        request: &InternalAuthenticateRequest,
        index: u64,
        tell: &mut dyn FnMut(AuthEvent<'_>),
    ) -> Result<Response, AuthError> {
        let accounts = self.get();
        accounts.password_of(&request.name).map_err(|error| match error {
            AuthError::NoPasswordUser => AuthError::AuthFailed,
            other => other,
        })?;
        tell(AuthEvent::LoggedIn { user: &request.name, secret: &request.simple_token, index });
        Ok(Response::LoggedIn { index, auth_revision: accounts.revision() })
    }
}

fn change(accounts: &mut Accounts, request: &AuthRequest, index: u64) -> Result<Touched, AuthError> {
    match request {
        AuthRequest::Enable(_) => accounts.enable(),
        AuthRequest::Disable(_) => Ok(accounts.disable()),
        AuthRequest::UserAdd(request) => add_user(accounts, request, index),
        AuthRequest::UserDelete(request) => accounts.delete_user(&request.name),
        AuthRequest::UserChangePassword(request) => change_password(accounts, request, index),
        AuthRequest::UserGrantRole(request) => accounts.grant_role(&request.user, &request.role),
        AuthRequest::UserRevokeRole(request) => accounts.revoke_role(&request.name, &request.role),
        AuthRequest::RoleAdd(request) => accounts.add_role(&request.name),
        AuthRequest::RoleDelete(request) => accounts.delete_role(&request.role),
        AuthRequest::RoleGrantPermission(request) => grant_permission(accounts, request),
        AuthRequest::RoleRevokePermission(request) => {
            accounts.revoke_permission(&request.role, &request.key, &request.range_end)
        }
        AuthRequest::Authenticate(_)
        | AuthRequest::Status(_)
        | AuthRequest::UserGet(_)
        | AuthRequest::UserList(_)
        | AuthRequest::RoleGet(_)
        | AuthRequest::RoleList(_) => Ok(Touched::default()),
    }
}

fn add_user(accounts: &mut Accounts, request: &AuthUserAddRequest, index: u64) -> Result<Touched, AuthError> {
    accounts.can_add_user(&request.name)?;
    let no_password = request.options.is_some_and(|options| options.no_password);
    let hash = if no_password {
        Bytes::new()
    } else {
        hash_in(&request.name, &request.password, &request.hashed_password, index)?
    };
    accounts.add_user(&request.name, hash, no_password)
}

fn change_password(
    accounts: &mut Accounts,
    request: &AuthUserChangePasswordRequest,
    index: u64,
) -> Result<Touched, AuthError> {
    let user = accounts.user(&request.name).ok_or(AuthError::UserNotFound)?;
    let hash = if user.has_no_password() {
        Bytes::new()
    } else {
        hash_in(&request.name, &request.password, &request.hashed_password, index)?
    };
    accounts.change_password(&request.name, hash)
}

fn grant_permission(
    accounts: &mut Accounts,
    request: &AuthRoleGrantPermissionRequest,
) -> Result<Touched, AuthError> {
    let permission = request.perm.clone().ok_or(AuthError::PermissionNotGiven)?;
    accounts.grant_permission(&request.name, records::permission(permission))
}

/// The hash that the entry carries. Members before 3.5 send the password itself; then it is hashed here, with a salt
/// that follows from the entry, so that all members of ours come to the same hash.
fn hash_in(name: &str, plain: &str, hashed: &str, index: u64) -> Result<Bytes, AuthError> {
    if plain.is_empty() || !hashed.is_empty() {
        return STANDARD.decode(hashed).map(Bytes::from).map_err(|_| AuthError::NoPasswordUser);
    }
    let hash = password::hash(plain, password::DEFAULT_COST, password::salt_of(name, index));
    hash.map(Bytes::from).map_err(|_| AuthError::NoPasswordUser)
}

fn note(request: &AuthRequest) {
    match request {
        AuthRequest::Enable(_) => info!("enabled authentication"),
        AuthRequest::Disable(_) => info!("disabled authentication"),
        AuthRequest::UserAdd(request) => info!(user = request.name, "added a user"),
        AuthRequest::UserDelete(request) => info!(user = request.name, "deleted a user"),
        AuthRequest::UserChangePassword(request) => {
            info!(user = request.name, "changed a password of a user")
        }
        AuthRequest::UserGrantRole(request) => {
            info!(user = request.user, role = request.role, "granted a role to a user");
        }
        AuthRequest::UserRevokeRole(request) => {
            info!(user = request.name, role = request.role, "revoked a role from a user");
        }
        AuthRequest::RoleAdd(request) => info!(role = request.name, "created a role"),
        AuthRequest::RoleDelete(request) => info!(role = request.role, "deleted a role"),
        AuthRequest::RoleGrantPermission(request) => {
            info!(role = request.name, "granted a permission to a role")
        }
        AuthRequest::RoleRevokePermission(request) => {
            info!(role = request.role, "revoked a permission from a role");
        }
        _ => {}
    }
}
