//! What a role allows.

use std::fmt;

use bytes::Bytes;

/// What may be done with the keys of a permission.
///
/// Stands for a protobuf enumeration, in which numbers without a name are possible; those allow nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Read: 0.
    Read,
    /// Write: 1.
    Write,
    /// Both: 2.
    ReadWrite,
    /// Any other number.
    Unknown(i32),
}

impl Kind {
    /// The kind with that number in `authpb.Permission.Type`.
    pub const fn from_wire(number: i32) -> Self {
        match number {
            0 => Self::Read,
            1 => Self::Write,
            2 => Self::ReadWrite,
            other => Self::Unknown(other),
        }
    }

    /// The number in `authpb.Permission.Type`.
    pub const fn to_wire(self) -> i32 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::ReadWrite => 2,
            Self::Unknown(other) => other,
        }
    }

    pub(crate) const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

/// One key or an interval of keys, and what may be done with them.
///
/// Shape: as in a range request. No end: the key alone. An end of one zero byte: every key from `key` on. Any other
/// end: the keys from `key` to before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Permission {
    /// What is allowed.
    pub kind: Kind,
    /// The first key.
    pub key: Bytes,
    /// Where the interval ends.
    pub range_end: Bytes,
}

impl Permission {
    /// A permission of these parts.
    pub fn new(kind: Kind, key: impl Into<Bytes>, range_end: impl Into<Bytes>) -> Self {
        Self { kind, key: key.into(), range_end: range_end.into() }
    }

    /// Whether it can hold any key.
    ///
    /// # Source
    /// etcd `server/auth/range_perm_cache.go` `isValidPermissionRange`.
    pub fn is_valid(&self) -> bool {
        !self.key.is_empty()
            && (self.range_end.is_empty() || is_open(&self.range_end) || self.key < self.range_end)
    }

    pub(crate) fn is_about(&self, key: &[u8], range_end: &[u8]) -> bool {
        self.key == key && self.range_end == range_end
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}..{}", self.kind, self.key.escape_ascii(), self.range_end.escape_ascii())
    }
}

/// Whether an interval with this end has none: it is a single zero byte.
pub(crate) fn is_open(range_end: &[u8]) -> bool {
    range_end == [0]
}
