//! What changes users and roles. A change that is refused leaves everything as it was.

use std::sync::Arc;

use bytes::Bytes;

use super::{Accounts, ROOT, Role, User};
use crate::{AuthError, Permission};

/// What a change has touched, and therefore must be stored again, or removed when it is no longer there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Touched {
    /// The switch or the revision.
    pub settings: bool,
    /// Names of users.
    pub users: Vec<String>,
    /// Names of roles.
    pub roles: Vec<String>,
}

impl Touched {
    fn user(name: &str) -> Self {
        Self { settings: true, users: vec![name.to_owned()], roles: Vec::new() }
    }

    fn role(name: &str) -> Self {
        Self { settings: true, users: Vec::new(), roles: vec![name.to_owned()] }
    }

    fn settings() -> Self {
        Self { settings: true, ..Self::default() }
    }
}

/// Users.
impl Accounts {
    /// Whether a user of this name can be added.
    ///
    /// # Errors
    /// `UserEmpty`, `UserExists`.
    pub fn can_add_user(&self, name: &str) -> Result<(), AuthError> {
        if name.is_empty() {
            return Err(AuthError::UserEmpty);
        }
        if self.users.contains_key(name) { Err(AuthError::UserExists) } else { Ok(()) }
    }

    /// Adds a user without roles. `password` is the hash, empty for none.
    ///
    /// # Errors
    /// As [`Accounts::can_add_user`].
    pub fn add_user(
        &mut self,
        name: &str,
        password: impl Into<Bytes>,
        no_password: bool,
    ) -> Result<Touched, AuthError> {
        self.can_add_user(name)?;
        let (name, password) = (name.to_owned(), password.into());
        Ok(self.save(User { name, password, roles: Vec::new(), no_password: Some(no_password) }))
    }

    /// Removes a user.
    ///
    /// # Errors
    /// `InvalidManagement` for root while authentication is on, `UserNotFound`.
    pub fn delete_user(&mut self, name: &str) -> Result<Touched, AuthError> {
        if self.enabled && name == ROOT {
            return Err(AuthError::InvalidManagement);
        }
        self.users.remove(name).ok_or(AuthError::UserNotFound)?;
        self.revision += 1;
        Ok(Touched::user(name))
    }

    /// Sets a password, given as its hash; a user who has none on purpose goes on having none.
    ///
    /// # Errors
    /// `UserNotFound`.
    pub fn change_password(&mut self, name: &str, password: impl Into<Bytes>) -> Result<Touched, AuthError> {
        let user = self.user(name).ok_or(AuthError::UserNotFound)?.clone();
        let password = if user.has_no_password() { Bytes::new() } else { password.into() };
        Ok(self.save(User { password, ..user }))
    }

    /// Gives a role to a user. One that the user has already changes nothing, not even the revision.
    ///
    /// # Errors
    /// `UserNotFound`; `RoleNotFound`, but for `root`, which needs not be there.
    pub fn grant_role(&mut self, name: &str, role: &str) -> Result<Touched, AuthError> {
        let mut user = self.user(name).ok_or(AuthError::UserNotFound)?.clone();
        if role != ROOT && !self.roles.contains_key(role) {
            return Err(AuthError::RoleNotFound);
        }
        if user.has_role(role) {
            return Ok(Touched::default());
        }
        user.roles.push(role.to_owned());
        user.roles.sort();
        Ok(self.save(user))
    }

    /// Takes a role from a user.
    ///
    /// # Errors
    /// `InvalidManagement` for root's own while authentication is on, `UserNotFound`, `RoleNotGranted`.
    pub fn revoke_role(&mut self, name: &str, role: &str) -> Result<Touched, AuthError> {
        if self.enabled && name == ROOT && role == ROOT {
            return Err(AuthError::InvalidManagement);
        }
        let mut user = self.user(name).ok_or(AuthError::UserNotFound)?.clone();
        if !user.has_role(role) {
            return Err(AuthError::RoleNotGranted);
        }
        user.roles.retain(|has| has != role);
        Ok(self.save(user))
    }

    fn save(&mut self, user: User) -> Touched {
        let touched = Touched::user(&user.name);
        self.put_user(user);
        self.revision += 1;
        touched
    }
}

/// Roles.
impl Accounts {
    /// Adds a role that allows nothing.
    ///
    /// # Errors
    /// `RoleEmpty`, `RoleExists`.
    pub fn add_role(&mut self, name: &str) -> Result<Touched, AuthError> {
        if name.is_empty() {
            return Err(AuthError::RoleEmpty);
        }
        if self.roles.contains_key(name) {
            return Err(AuthError::RoleExists);
        }
        Ok(self.save_role(Role { name: name.to_owned(), permissions: Vec::new() }))
    }

    /// Removes a role, and takes it from everybody who has it.
    ///
    /// # Errors
    /// `InvalidManagement` for root while authentication is on, `RoleNotFound`.
    pub fn delete_role(&mut self, name: &str) -> Result<Touched, AuthError> {
        if self.enabled && name == ROOT {
            return Err(AuthError::InvalidManagement);
        }
        self.roles.remove(name).ok_or(AuthError::RoleNotFound)?;
        let mut touched = Touched::role(name);
        for mut user in self.having(name) {
            user.roles.retain(|has| has != name);
            touched.users.push(user.name.clone());
            self.put_user(user);
        }
        self.revision += 1;
        Ok(touched)
    }

    /// Adds a permission to a role.
    ///
    /// It takes the place of the one for the same keys only if that is the first with its first key; otherwise it
    /// is added beside it. That is etcd's way, and members of one cluster must agree on it.
    ///
    /// # Errors
    /// `InvalidManagement` for a permission that holds no key, `RoleNotFound`.
    pub fn grant_permission(&mut self, role: &str, permission: Permission) -> Result<Touched, AuthError> {
        if !permission.is_valid() {
            return Err(AuthError::InvalidManagement);
        }
        let mut role = self.role(role).ok_or(AuthError::RoleNotFound)?.clone();
        let place = role.permissions.partition_point(|has| has.key < permission.key);
        match role.permissions.get_mut(place) {
            Some(has) if has.is_about(&permission.key, &permission.range_end) => has.kind = permission.kind,
            _ => {
                role.permissions.push(permission);
                role.permissions.sort_by(|a, b| a.key.cmp(&b.key));
            }
        }
        Ok(self.save_role(role))
    }

    /// Takes every permission for exactly these keys from a role.
    ///
    /// # Errors
    /// `RoleNotFound`, `PermissionNotGranted`.
    pub fn revoke_permission(
        &mut self,
        role: &str,
        key: &[u8],
        range_end: &[u8],
    ) -> Result<Touched, AuthError> {
        let mut role = self.role(role).ok_or(AuthError::RoleNotFound)?.clone();
        let before = role.permissions.len();
        role.permissions.retain(|permission| !permission.is_about(key, range_end));
        if role.permissions.len() == before {
            return Err(AuthError::PermissionNotGranted);
        }
        Ok(self.save_role(role))
    }

    fn save_role(&mut self, role: Role) -> Touched {
        let touched = Touched::role(&role.name);
        let name = role.name.clone();
        self.roles.insert(name.as_str().into(), Arc::new(role));
        for user in self.having(&name) {
            self.put_user(user);
        }
        self.revision += 1;
        touched
    }

    fn having(&self, role: &str) -> Vec<User> {
        self.users().filter(|user| user.has_role(role)).cloned().collect()
    }
}

/// The switch.
impl Accounts {
    /// Turns authentication on; the revision stays.
    ///
    /// # Errors
    /// `RootUserNotExist`, `RootRoleNotExist`.
    pub fn enable(&mut self) -> Result<Touched, AuthError> {
        if self.enabled {
            return Ok(Touched::default());
        }
        let root = self.user(ROOT).ok_or(AuthError::RootUserNotExist)?;
        if !root.has_role(ROOT) {
            return Err(AuthError::RootRoleNotExist);
        }
        self.enabled = true;
        Ok(Touched::settings())
    }

    /// Turns authentication off; users and roles stay.
    pub fn disable(&mut self) -> Touched {
        if !self.enabled {
            return Touched::default();
        }
        self.enabled = false;
        self.revision += 1;
        Touched::settings()
    }
}
