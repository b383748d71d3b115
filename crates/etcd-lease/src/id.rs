//! How leases are named.

use std::fmt;

/// A lease's id: any number but 0, chosen by the client or by the member that it asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(i64);

impl LeaseId {
    /// What stands for the absence of a lease.
    pub const NONE: Self = Self(0);

    /// The id with this number.
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    /// Its number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// Sixteen hexadecimal digits, as etcd writes it.
impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
