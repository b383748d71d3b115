//! The two 64-bit identifiers of a cluster, and how they are derived.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

/// The text is not a hexadecimal 64-bit number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad id {text:?}: want up to 16 hexadecimal digits")]
pub struct ParseIdError {
    text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps the number as it travels in messages.
            pub const fn new(id: u64) -> Self {
                Self(id)
            }

            /// The number as it travels in messages.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let bad = || ParseIdError { text: text.to_owned() };
                // from_str_radix would take a leading plus sign.
                if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(bad());
                }
                u64::from_str_radix(text, 16).map(Self).map_err(|_| bad())
            }
        }
    };
}

id! {
    /// Identifies a member for its whole life; 0 is never a member. Printed as hexadecimal without leading zeros.
    MemberId
}
id! {
    /// Identifies a cluster; members of different clusters refuse each other. Printed as hexadecimal.
    ClusterId
}

impl MemberId {
    /// The id of a member with these peer URLs, in a cluster bootstrapped with `token`.
    ///
    /// `added_at` is the time of a later member add, in seconds since 1970; the token is then the empty string.
    /// The member's name is no part of it, and the order of the URLs does not matter.
    ///
    /// # Source
    /// etcd `server/etcdserver/api/membership/member.go`, `computeMemberID`.
    pub fn derive(peer_urls: &[String], token: &str, added_at: Option<i64>) -> Self {
        let mut urls: Vec<&str> = peer_urls.iter().map(String::as_str).collect();
        urls.sort_unstable();
        let mut hash = Sha1::new();
        for url in urls {
            hash.update(url);
        }
        hash.update(token);
        if let Some(seconds) = added_at {
            hash.update(seconds.to_string());
        }
        Self(first_eight(&hash.finalize()))
    }
}

impl ClusterId {
    /// The id of the cluster that starts with these members, in any order.
    ///
    /// # Source
    /// etcd `server/etcdserver/api/membership/cluster.go`, `genID`.
    pub fn derive(members: impl IntoIterator<Item = MemberId>) -> Self {
        let mut ids: Vec<MemberId> = members.into_iter().collect();
        ids.sort_unstable();
        let mut hash = Sha1::new();
        for id in ids {
            hash.update(id.get().to_be_bytes());
        }
        Self(first_eight(&hash.finalize()))
    }
}

fn first_eight(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |id, byte| id << 8 | u64::from(*byte))
}
