//! What somebody may do.

use super::Accounts;
use crate::{AuthError, Identity};

impl Accounts {
    /// Whether `who` may read these keys; `range_end` as in a range request.
    ///
    /// # Errors
    /// `UserEmpty` for nobody, `OldRevision` when accounts have changed since the identity was proven,
    /// `PermissionDenied`; none while authentication is off.
    pub fn may_read(&self, who: &Identity, key: &[u8], range_end: &[u8]) -> Result<(), AuthError> {
        self.may(who, |account| account.reads.cover(key, range_end))
    }

    /// Whether `who` may write or delete these keys.
    ///
    /// # Errors
    /// As [`Accounts::may_read`].
    pub fn may_write(&self, who: &Identity, key: &[u8], range_end: &[u8]) -> Result<(), AuthError> {
        self.may(who, |account| account.writes.cover(key, range_end))
    }

    /// Whether `who` may change accounts and look after the cluster: the role `root` is needed.
    ///
    /// The revision is not looked at, for the roles that count are those of now.
    ///
    /// # Errors
    /// `UserEmpty`, `UserNotFound`, `PermissionDenied`; none while authentication is off.
    pub fn may_administer(&self, who: &Identity) -> Result<(), AuthError> {
        if !self.enabled {
            return Ok(());
        }
        if who.user().is_empty() {
            return Err(AuthError::UserEmpty);
        }
        match self.users.get(who.user()) {
            None => Err(AuthError::UserNotFound),
            Some(account) if account.is_root => Ok(()),
            Some(_) => Err(AuthError::PermissionDenied),
        }
    }

    /// Whether `who` may see the user `name`: everybody may see himself.
    ///
    /// # Errors
    /// As [`Accounts::may_administer`].
    pub fn may_see_user(&self, who: &Identity, name: &str) -> Result<(), AuthError> {
        self.may_administer(who).or_else(|error| if who.user() == name { Ok(()) } else { Err(error) })
    }

    /// Whether `who` may see the role `name`: everybody may see the own roles.
    ///
    /// # Errors
    /// As [`Accounts::may_administer`].
    pub fn may_see_role(&self, who: &Identity, name: &str) -> Result<(), AuthError> {
        let own = || self.user(who.user()).is_some_and(|user| user.has_role(name));
        self.may_administer(who).or_else(|error| if own() { Ok(()) } else { Err(error) })
    }

    /// The hash to compare a password with.
    ///
    /// # Errors
    /// `NotEnabled`, `AuthFailed` when there is no such user, `NoPasswordUser`.
    pub fn password_of(&self, name: &str) -> Result<bytes::Bytes, AuthError> {
        if !self.enabled {
            return Err(AuthError::NotEnabled);
        }
        let user = self.user(name).ok_or(AuthError::AuthFailed)?;
        if user.has_no_password() { Err(AuthError::NoPasswordUser) } else { Ok(user.password.clone()) }
    }

    fn may(&self, who: &Identity, covers: impl FnOnce(&super::Account) -> bool) -> Result<(), AuthError> {
        if !self.enabled {
            return Ok(());
        }
        if who.revision() == 0 {
            return Err(AuthError::UserEmpty);
        }
        if who.revision() < self.revision {
            return Err(AuthError::OldRevision);
        }
        match self.users.get(who.user()) {
            Some(account) if account.is_root || covers(account) => Ok(()),
            _ => Err(AuthError::PermissionDenied),
        }
    }
}
