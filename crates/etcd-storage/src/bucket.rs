//! The buckets, with etcd's names.

use std::fmt;

/// One ordered map of the database.
///
/// # Source
/// etcd `server/storage/schema/bucket.go`; `V2` is ours and holds the tree of the v2 API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u8);

impl Bucket {
    /// Key-value pairs by revision.
    pub const KEY: Self = Self(0);
    /// Positions and settings of the store itself.
    pub const META: Self = Self(1);
    /// Leases.
    pub const LEASE: Self = Self(2);
    /// Authentication settings.
    pub const AUTH: Self = Self(3);
    /// Users.
    pub const AUTH_USERS: Self = Self(4);
    /// Roles.
    pub const AUTH_ROLES: Self = Self(5);
    /// Members of the cluster.
    pub const MEMBERS: Self = Self(6);
    /// Ids of members that were removed.
    pub const MEMBERS_REMOVED: Self = Self(7);
    /// Cluster-wide settings, such as the cluster version.
    pub const CLUSTER: Self = Self(8);
    /// Raised alarms.
    pub const ALARM: Self = Self(9);
    /// The tree of the v2 API.
    pub const V2: Self = Self(10);

    /// Every bucket, in the order of their ids.
    pub const ALL: [Self; 11] = [
        Self::KEY,
        Self::META,
        Self::LEASE,
        Self::AUTH,
        Self::AUTH_USERS,
        Self::AUTH_ROLES,
        Self::MEMBERS,
        Self::MEMBERS_REMOVED,
        Self::CLUSTER,
        Self::ALARM,
        Self::V2,
    ];

    /// The name that etcd gives the bucket.
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; Bucket::ALL.len()] = [
            "key",
            "meta",
            "lease",
            "auth",
            "authUsers",
            "authRoles",
            "members",
            "members_removed",
            "cluster",
            "alarm",
            "v2",
        ];
        NAMES[self.index()]
    }

    /// The position in [`Bucket::ALL`].
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number in a snapshot stream; 0 is no bucket.
    pub(crate) const fn wire(self) -> u8 {
        self.0 + 1
    }

    /// The bucket with that number in a snapshot stream.
    pub(crate) fn from_wire(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
