//! A user, a role, and what the two together allow.

use std::fmt;

use bytes::Bytes;

use super::ROOT;
use crate::{Intervals, Permission};

/// A user as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The bcrypt hash of the password; empty when there is none.
    pub password: Bytes,
    /// Names of roles, sorted.
    pub roles: Vec<String>,
    /// Whether the user has no password on purpose; not given by servers before 3.4.
    pub no_password: Option<bool>,
}

impl User {
    /// Whether the user cannot log in with a password.
    pub fn has_no_password(&self) -> bool {
        self.no_password == Some(true)
    }

    /// Whether the user has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|has| has == role)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("roles", &self.roles)
            .field("no_password", &self.no_password)
            .finish_non_exhaustive()
    }
}

/// A role as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The name.
    pub name: String,
    /// What it allows, in the order of first keys.
    pub permissions: Vec<Permission>,
}

/// A user with what the roles allow, merged.
#[derive(Debug)]
pub(super) struct Account {
    user: User,
    pub(super) is_root: bool,
    pub(super) reads: Intervals,
    pub(super) writes: Intervals,
}

impl Account {
    pub(super) fn new<'a>(user: &User, roles: impl Iterator<Item = &'a Role>) -> Self {
        let permissions: Vec<&Permission> = roles.flat_map(|role| &role.permissions).collect();
        let ranges = |wanted: fn(&Permission) -> bool| {
            let chosen = permissions.iter().filter(move |permission| wanted(permission));
            Intervals::merge(chosen.map(|permission| (&permission.key, &permission.range_end)))
        };
        Self {
            is_root: user.has_role(ROOT),
            reads: ranges(|permission| permission.kind.reads()),
            writes: ranges(|permission| permission.kind.writes()),
            user: user.clone(),
        }
    }

    pub(super) fn user(&self) -> &User {
        &self.user
    }
}
