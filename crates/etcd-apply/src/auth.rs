//! Users and roles as the log has built them, and their records in storage.

mod change;
mod permit;
mod records;
mod request;

use std::sync::Arc;

use arc_swap::ArcSwap;
use etcd_auth::{Accounts, AuthError, Touched};
use etcd_storage::{Batch, Storage};

pub use permit::LeaseKeys;
pub use records::AuthLoadError;
pub use request::AuthRequest;

/// The accounts as far as the log was applied; a cheap handle, read from any thread without a lock.
///
/// Only the apply thread changes it.
#[derive(Debug, Clone)]
pub struct AuthState(Arc<ArcSwap<Accounts>>);

/// What a change of the accounts means for the tokens that are out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthEvent<'a> {
    /// A user has logged in: a simple token of this random text and the entry's index is good from now on.
    LoggedIn {
        /// Who.
        user: &'a str,
        /// The random text; empty when tokens are not of this kind.
        secret: &'a str,
        /// The index of the entry.
        index: u64,
    },
    /// All tokens of a user are no longer good.
    Revoked {
        /// Whose.
        user: &'a str,
    },
    /// No token is good any more.
    AllRevoked,
}

impl AuthState {
    pub(crate) fn open(storage: &Storage) -> Result<Self, AuthLoadError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(records::load(storage)?))))
    }

    /// The accounts now.
    pub fn get(&self) -> Arc<Accounts> {
        self.0.load_full()
    }

    /// Whether requests are checked; a few atomic loads.
    pub fn is_enabled(&self) -> bool {
        self.0.load().is_enabled()
    }

    /// Raised by every change of users and roles.
    pub fn revision(&self) -> u64 {
        self.0.load().revision()
    }

    /// Reads everything again, after storage was replaced.
    pub(crate) fn reload(&self, storage: &Storage) -> Result<(), AuthLoadError> {
        self.0.store(Arc::new(records::load(storage)?));
        Ok(())
    }

    /// Makes a change, and stores what it has touched.
    fn change(
        &self,
        batch: &mut Batch,
        change: impl FnOnce(&mut Accounts) -> Result<Touched, AuthError>,
    ) -> Result<(), AuthError> {
        let mut accounts = Accounts::clone(&self.0.load());
        let touched = change(&mut accounts)?;
        records::store(&accounts, &touched, batch);
        self.0.store(Arc::new(accounts));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
