//! The replicated part: users, roles, the switch and the revision.

mod change;
mod check;
mod user;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use change::Touched;
pub use user::{Role, User};

use user::Account;

/// The name of the user and of the role that may do everything.
pub const ROOT: &str = "root";

/// Users and roles as they stand at one index of the log.
///
/// Cheap to clone: a clone shares every user and role that it does not change.
///
/// # Source
/// etcd `server/auth/store.go`.
#[derive(Debug, Clone)]
pub struct Accounts {
    enabled: bool,
    revision: u64,
    users: BTreeMap<Arc<str>, Arc<Account>>,
    roles: BTreeMap<Arc<str>, Arc<Role>>,
}

impl Default for Accounts {
    /// Nobody, not enabled, at revision 1.
    fn default() -> Self {
        Self { enabled: false, revision: 1, users: BTreeMap::new(), roles: BTreeMap::new() }
    }
}

impl Accounts {
    /// Puts together what was stored. A revision of 0, which a store without any change has, counts as 1.
    pub fn restore(
        enabled: bool,
        revision: u64,
        users: impl IntoIterator<Item = User>,
        roles: impl IntoIterator<Item = Role>,
    ) -> Self {
        let mut accounts = Self { enabled, revision: revision.max(1), ..Self::default() };
        accounts.roles = roles.into_iter().map(|role| (role.name.as_str().into(), Arc::new(role))).collect();
        for user in users {
            accounts.put_user(user);
        }
        accounts
    }

    /// Whether requests are checked.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Rises with every change but that of turning authentication on.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name).map(|account| account.user())
    }

    /// All users, in the order of their names.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values().map(|account| account.user())
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name).map(Arc::as_ref)
    }

    /// All roles, in the order of their names.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values().map(Arc::as_ref)
    }

    /// Sets a user, and works out what the user may do.
    fn put_user(&mut self, user: User) {
        let roles = user.roles.iter().filter_map(|role| self.roles.get(role.as_str()));
        let account = Account::new(&user, roles.map(Arc::as_ref));
        self.users.insert(user.name.as_str().into(), Arc::new(account));
    }
}

#[cfg(test)]
mod tests;
