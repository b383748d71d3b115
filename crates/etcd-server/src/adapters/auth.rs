//! Who acts, and what he may do: tokens, passwords and the accounts that the log has built.

mod accounts;
mod login;
mod tokens;

use std::sync::Arc;

use etcd_api::{Access, Credentials, Error};
use etcd_apply::{AuthEvent, AuthState};
use etcd_auth::{Accounts, AuthError, Identity};
use tokio::sync::Semaphore;

pub use tokens::TokenError;
pub(crate) use tokens::Tokens;

use super::ServerReplica;

/// Passwords that are hashed or compared at the same time. Others wait: each takes a core for tens of milliseconds.
const PASSWORDS_AT_ONCE: usize = 2;

/// What one member needs to know whom it serves.
pub(crate) struct Authority {
    pub(super) state: AuthState,
    tokens: Tokens,
    bcrypt_cost: u32,
    /// `--client-cert-auth`: the common name of a verified certificate is a user.
    takes_common_names: bool,
    passwords: Semaphore,
}

/// For whom a handle acts.
#[derive(Clone, Default)]
pub(super) enum Caller {
    /// Nobody who said who he is.
    #[default]
    Nobody,
    Client(Arc<Credentials>),
    /// This user, who proved it when a call began that lasts.
    Proven(Arc<str>),
}

impl Authority {
    pub(crate) fn new(state: AuthState, tokens: Tokens, bcrypt_cost: u32, takes_common_names: bool) -> Self {
        Self { state, tokens, bcrypt_cost, takes_common_names, passwords: Semaphore::new(PASSWORDS_AT_ONCE) }
    }

    /// Keeps the tokens in step with the log; called on the apply thread.
    pub(crate) fn follow(&self, event: &AuthEvent<'_>) {
        self.tokens.follow(event);
    }
}

impl ServerReplica {
    /// Who acts through this handle; none while authentication is off, or when nobody said who he is.
    ///
    /// # Errors
    /// `InvalidAuthToken`, and those of a read barrier.
    pub(super) async fn who(&self) -> Result<Option<Identity>, Error> {
        let authority = self.authority();
        if !authority.state.is_enabled() {
            return Ok(None);
        }
        let credentials = match self.caller() {
            Caller::Nobody => return Ok(None),
            Caller::Proven(user) => {
                return Ok(Some(Identity::new(Arc::clone(user), authority.state.revision())));
            }
            Caller::Client(credentials) => credentials,
        };
        if let Some(token) = credentials.token() {
            return self.who_has(token).await.map(Some);
        }
        let name = credentials.common_name().filter(|_| authority.takes_common_names);
        Ok(name.map(|name| Identity::new(Arc::clone(name), authority.state.revision())))
    }

    async fn who_has(&self, token: &str) -> Result<Identity, Error> {
        let authority = self.authority();
        if let Some(identity) = authority.tokens.identify(token, authority.state.revision()) {
            return Ok(identity);
        }
        // It may be of a login that this member has not come to yet.
        if authority.tokens.may_come(token) {
            self.barrier(false).await?;
            if let Some(identity) = authority.tokens.identify(token, authority.state.revision()) {
                return Ok(identity);
            }
        }
        Err(Error::InvalidAuthToken)
    }

    /// Checks what a request asks for, as far as that is allowed here and now. Gives who asks, for [`Self::still`].
    pub(super) async fn check(
        &self,
        check: impl FnOnce(&Accounts, &Identity) -> Result<(), AuthError> + Send,
    ) -> Result<Option<Identity>, Error> {
        if !self.authority().state.is_enabled() {
            return Ok(None);
        }
        let who = self.who().await?;
        let nobody = Identity::new("", 0);
        check(&self.authority().state.get(), who.as_ref().unwrap_or(&nobody)).map_err(auth_error)?;
        Ok(who)
    }

    /// Whether what was checked before a read still holds after it.
    ///
    /// # Source
    /// etcd `server/etcdserver/v3_server.go` `doSerialize`.
    pub(super) fn still(&self, who: Option<&Identity>) -> Result<(), Error> {
        match who {
            Some(who) if who.revision() != self.authority().state.revision() => Err(Error::AuthOldRevision),
            _ => Ok(()),
        }
    }

    async fn permit_access(&self, access: Access) -> Result<(), Error> {
        if !self.authority().state.is_enabled() {
            return Ok(());
        }
        match access {
            Access::User => match self.who().await? {
                Some(_) => Ok(()),
                None => Err(Error::UserEmpty),
            },
            Access::Admin => self.check(Accounts::may_administer).await.map(drop),
            Access::Open | Access::ByRequest => Ok(()),
        }
    }
}

pub(super) fn auth_error(error: AuthError) -> Error {
    match error {
        AuthError::RootUserNotExist => Error::RootUserNotExist,
        AuthError::RootRoleNotExist => Error::RootRoleNotExist,
        AuthError::UserExists => Error::UserAlreadyExists,
        AuthError::UserEmpty => Error::UserEmpty,
        AuthError::UserNotFound => Error::UserNotFound,
        AuthError::RoleExists => Error::RoleAlreadyExists,
        AuthError::RoleNotFound => Error::RoleNotFound,
        AuthError::RoleEmpty => Error::RoleEmpty,
        AuthError::PermissionNotGiven => Error::PermissionNotGiven,
        AuthError::AuthFailed => Error::AuthFailed,
        AuthError::PermissionDenied => Error::PermissionDenied,
        AuthError::RoleNotGranted => Error::RoleNotGranted,
        AuthError::PermissionNotGranted => Error::PermissionNotGranted,
        AuthError::NotEnabled => Error::AuthNotEnabled,
        AuthError::OldRevision => Error::AuthOldRevision,
        AuthError::InvalidToken => Error::InvalidAuthToken,
        AuthError::InvalidManagement => Error::InvalidAuthManagement,
        // No row of etcd's table.
        other => Error::Unknown(format!("auth: {other}").into()),
    }
}
