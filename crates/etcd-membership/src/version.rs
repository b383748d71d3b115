//! The version that a cluster has agreed on, and which members may take part in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A release, `major.minor.patch`; a pre-release or build suffix is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

impl Version {
    /// A release.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The cluster version that this release brings.
    pub const fn cluster(self) -> ClusterVersion {
        ClusterVersion { major: self.major, minor: self.minor }
    }
}

/// A cluster version: the lowest `major.minor` that all its members have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterVersion {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
}

impl ClusterVersion {
    /// The oldest cluster that members of this kind take part in.
    pub const MIN: Self = Self { major: 3, minor: 0 };

    /// A cluster version.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// The form `3.7`, used in answers; [`fmt::Display`] gives `3.7.0`, the form that is stored.
    pub fn short(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }

    /// Whether a server of version `server` may work in a cluster of this version.
    ///
    /// # Source
    /// etcd `server/etcdserver/version/downgrade.go`, `MustDetectDowngrade`.
    pub fn admits(self, server: Version) -> bool {
        server.cluster() >= self
    }

    /// The version that a cluster of this one can be downgraded to; none below the first minor version.
    ///
    /// # Source
    /// etcd `server/etcdserver/version/downgrade.go`, `allowedDowngradeVersion`.
    pub fn downgrade_target(self) -> Option<Self> {
        let minor = self.minor.checked_sub(1)?;
        Some(Self { minor, ..self })
    }

    /// Whether a cluster may go from this version to `next`: up within its major version, or one minor down.
    ///
    /// # Source
    /// etcd `server/etcdserver/version/downgrade.go`, `IsValidClusterVersionChange`.
    pub fn may_become(self, next: Self) -> bool {
        let one_down = self.major == next.major && next.minor.checked_add(1) == Some(self.minor);
        one_down || (self.major == next.major && self < next)
    }
}

/// Whether a server of version `local` can join the members that announce these cluster versions.
///
/// At least one must be known and none may be out of the range from [`ClusterVersion::MIN`] to the server's own
/// version. While the cluster downgrades (`downgrading`) only the next minor version is joined.
///
/// # Source
/// etcd `server/etcdserver/cluster_util.go`, `isCompatibleWithVers`, `allowedVersionRange`.
pub fn can_join(
    local: Version,
    cluster_versions: impl IntoIterator<Item = ClusterVersion>,
    downgrading: bool,
) -> bool {
    let mut range = ClusterVersion::MIN..=local.cluster();
    if downgrading {
        let next = ClusterVersion { minor: local.minor.saturating_add(1), ..local.cluster() };
        range = next..=next;
    }
    let mut known = false;
    cluster_versions.into_iter().all(|version| {
        known = true;
        range.contains(&version)
    }) && known
}

/// The text is not `major.minor` or `major.minor.patch`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad version {text:?}: want major.minor.patch")]
pub struct ParseVersionError {
    text: String,
}

impl FromStr for Version {
    type Err = ParseVersionError;

    /// Accepts `3.7`, `3.7.1` and `3.7.1-rc.0`.
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let bad = || ParseVersionError { text: text.to_owned() };
        let core = text.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = core.split('.').map(|number| {
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            if digits { number.parse::<u16>().map_err(|_| bad()) } else { Err(bad()) }
        });
        let major = numbers.next().ok_or_else(bad)??;
        let minor = numbers.next().ok_or_else(bad)??;
        let patch = numbers.next().transpose()?.unwrap_or(0);
        if numbers.next().is_some() {
            return Err(bad());
        }
        Ok(Self { major, minor, patch })
    }
}

impl FromStr for ClusterVersion {
    type Err = ParseVersionError;

    /// Accepts what [`Version`] accepts, and drops the patch.
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        text.parse::<Version>().map(Version::cluster)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for ClusterVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.0", self.major, self.minor)
    }
}

macro_rules! text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = ParseVersionError;

            fn try_from(text: String) -> Result<Self, ParseVersionError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(version: $name) -> Self {
                version.to_string()
            }
        }
    };
}

text!(Version);
text!(ClusterVersion);
