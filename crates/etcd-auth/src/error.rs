//! Why something is not allowed, or not possible.

/// The outcome of a check or of a change that is refused; nothing has changed then.
///
/// # Source
/// etcd `server/auth/store.go`; the texts that clients see are the API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Authentication cannot be enabled without the user `root`.
    #[error("root user does not exist")]
    RootUserNotExist,
    /// Authentication cannot be enabled while the user `root` lacks the role `root`.
    #[error("root user does not have root role")]
    RootRoleNotExist,
    /// A user of this name exists.
    #[error("user already exists")]
    UserExists,
    /// The request names no user: a user needs a name, and a request needs somebody who makes it.
    #[error("user name is empty")]
    UserEmpty,
    /// No such user.
    #[error("user not found")]
    UserNotFound,
    /// A role of this name exists.
    #[error("role already exists")]
    RoleExists,
    /// No such role.
    #[error("role not found")]
    RoleNotFound,
    /// A role needs a name.
    #[error("role name is empty")]
    RoleEmpty,
    /// The request carries no permission.
    #[error("permission not given")]
    PermissionNotGiven,
    /// Wrong user or password.
    #[error("authentication failed, invalid user ID or password")]
    AuthFailed,
    /// The user has no password, or the hash is not one.
    #[error("authentication failed, password was given for no password user")]
    NoPasswordUser,
    /// The user may not do this.
    #[error("permission denied")]
    PermissionDenied,
    /// The user does not have this role.
    #[error("role is not granted to the user")]
    RoleNotGranted,
    /// The role does not have this permission.
    #[error("permission is not granted to the role")]
    PermissionNotGranted,
    /// The request needs authentication to be on.
    #[error("authentication is not enabled")]
    NotEnabled,
    /// Users or roles have changed since the caller's token was made.
    #[error("revision in header is old")]
    OldRevision,
    /// The token is unknown, malformed or has expired.
    #[error("invalid auth token")]
    InvalidToken,
    /// The change would lock everybody out, or makes no sense.
    #[error("invalid auth management")]
    InvalidManagement,
}
