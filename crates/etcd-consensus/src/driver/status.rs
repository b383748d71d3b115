//! A member's state, read without a lock on the hot path's data.

use std::sync::atomic::Ordering;

use super::shared::Shared;
use crate::{Leadership, Role};

/// A member as its handle sees it. The parts may be a moment apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// This member's id.
    pub id: u64,
    /// The leader's id; zero when there is none.
    pub leader: u64,
    /// The term.
    pub term: u64,
    /// This member's role.
    pub role: Role,
    /// The highest committed index.
    pub commit: u64,
    /// The highest applied index.
    pub applied: u64,
    /// The last index of the log.
    pub last_index: u64,
}

impl Status {
    pub(super) fn read(id: u64, shared: &Shared) -> Self {
        let Leadership { leader, term, role } = *shared.leadership.borrow();
        Self {
            id,
            leader,
            term,
            role,
            commit: shared.commit.load(Ordering::Acquire),
            applied: shared.applied.load(Ordering::Acquire),
            last_index: shared.last_index.load(Ordering::Acquire),
        }
    }
}
