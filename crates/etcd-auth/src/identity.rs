//! Who makes a request, once that is proven.

use std::sync::Arc;

/// A user, and the revision of the accounts at which that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    user: Arc<str>,
    revision: u64,
}

impl Identity {
    /// `user`, as proven at `revision`. An empty name is nobody's: no check passes for it.
    pub fn new(user: impl Into<Arc<str>>, revision: u64) -> Self {
        Self { user: user.into(), revision }
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The revision of the accounts; 0 when there is no user.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}
