//! The service `etcdserverpb.Auth`, as the API asks for it.

use std::sync::Arc;

use etcd_api::{Access, AccountChange, Accounts, Credentials, Error};
use etcd_apply::{AuthRequest, Request};
use etcd_auth::ROOT;
use etcd_proto::authpb;
use etcd_proto::etcdserverpb::{AuthUserAddRequest, AuthUserChangePasswordRequest};

use super::Caller;
use crate::adapters::ServerReplica;

impl Accounts for ServerReplica {
    fn acting_for(&self, credentials: Credentials) -> Self {
        self.with_caller(Caller::Client(Arc::new(credentials)))
    }

    async fn for_long(&self) -> Result<Self, Error> {
        Ok(match self.who().await? {
            Some(who) => self.with_caller(Caller::Proven(who.user().into())),
            None => self.clone(),
        })
    }

    fn auth_enabled(&self) -> bool {
        self.authority().state.is_enabled()
    }

    fn takes_common_names(&self) -> bool {
        self.authority().takes_common_names
    }

    async fn permit(&self, access: Access) -> Result<(), Error> {
        self.permit_access(access).await
    }

    async fn change_accounts(&self, change: AccountChange) -> Result<(), Error> {
        let request = self.entry(change).await?;
        self.propose(Request::Auth(request)).await.map(drop)
    }

    async fn log_in(&self, name: String, password: String) -> Result<String, Error> {
        self.authenticate(name, password).await
    }

    async fn auth_status(&self) -> Result<(bool, u64), Error> {
        // Nobody needs a token for it, but one that is shown must be good.
        self.who().await?;
        self.barrier(false).await?;
        let accounts = self.authority().state.get();
        Ok((accounts.is_enabled(), accounts.revision()))
    }

    async fn user_roles(&self, name: String) -> Result<Vec<String>, Error> {
        self.barrier(false).await?;
        self.check(|accounts, who| accounts.may_see_user(who, &name)).await?;
        let accounts = self.authority().state.get();
        accounts.user(&name).map(|user| user.roles.clone()).ok_or(Error::UserNotFound)
    }

    async fn users(&self) -> Result<Vec<String>, Error> {
        self.barrier(false).await?;
        self.check(etcd_auth::Accounts::may_administer).await?;
        Ok(self.authority().state.get().users().map(|user| user.name.clone()).collect())
    }

    async fn role_permissions(&self, role: String) -> Result<Vec<authpb::Permission>, Error> {
        self.barrier(false).await?;
        self.check(|accounts, who| accounts.may_see_role(who, &role)).await?;
        let accounts = self.authority().state.get();
        let found = accounts.role(&role).ok_or(Error::RoleNotFound)?;
        if found.name == ROOT {
            return Ok(vec![everything()]);
        }
        Ok(found.permissions.iter().map(on_the_wire).collect())
    }

    async fn roles(&self) -> Result<Vec<String>, Error> {
        self.barrier(false).await?;
        self.check(etcd_auth::Accounts::may_administer).await?;
        Ok(self.authority().state.get().roles().map(|role| role.name.clone()).collect())
    }
}

impl ServerReplica {
    /// What goes into the log: passwords are replaced by their hashes.
    async fn entry(&self, change: AccountChange) -> Result<AuthRequest, Error> {
        Ok(match change {
            AccountChange::UserAdd(request) => AuthRequest::UserAdd(self.with_hash(request).await?),
            AccountChange::UserChangePassword(request) => {
                AuthRequest::UserChangePassword(self.with_new_hash(request).await?)
            }
            AccountChange::Enable(request) => AuthRequest::Enable(request),
            AccountChange::Disable(request) => AuthRequest::Disable(request),
            AccountChange::UserDelete(request) => AuthRequest::UserDelete(request),
            AccountChange::UserGrantRole(request) => AuthRequest::UserGrantRole(request),
            AccountChange::UserRevokeRole(request) => AuthRequest::UserRevokeRole(request),
            AccountChange::RoleAdd(request) => AuthRequest::RoleAdd(request),
            AccountChange::RoleDelete(request) => AuthRequest::RoleDelete(request),
            AccountChange::RoleGrantPermission(request) => AuthRequest::RoleGrantPermission(request),
            AccountChange::RoleRevokePermission(request) => AuthRequest::RoleRevokePermission(request),
            _ => return Err(Error::NotAvailable("this change of users and roles")),
        })
    }

    async fn with_hash(&self, mut request: AuthUserAddRequest) -> Result<AuthUserAddRequest, Error> {
        if !request.options.is_some_and(|options| options.no_password) {
            self.may_spend_time().await?;
            request.hashed_password = self.hash(std::mem::take(&mut request.password)).await?;
        }
        Ok(request)
    }

    async fn with_new_hash(
        &self,
        mut request: AuthUserChangePasswordRequest,
    ) -> Result<AuthUserChangePasswordRequest, Error> {
        if !request.password.is_empty() {
            self.may_spend_time().await?;
            request.hashed_password = self.hash(std::mem::take(&mut request.password)).await?;
        }
        Ok(request)
    }

    /// Hashing takes long: not for somebody who will be refused anyway.
    async fn may_spend_time(&self) -> Result<(), Error> {
        if self.auth_enabled() {
            // Rights that were given a moment ago count.
            self.barrier(false).await?;
        }
        self.check(etcd_auth::Accounts::may_administer).await.map(drop)
    }
}

/// What the role `root` allows, whatever was granted to it.
fn everything() -> authpb::Permission {
    authpb::Permission {
        perm_type: authpb::permission::Type::Readwrite as i32,
        key: bytes::Bytes::new(),
        range_end: bytes::Bytes::from_static(&[0]),
    }
}

fn on_the_wire(permission: &etcd_auth::Permission) -> authpb::Permission {
    authpb::Permission {
        perm_type: permission.kind.to_wire(),
        key: permission.key.clone(),
        range_end: permission.range_end.clone(),
    }
}
