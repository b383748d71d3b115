//! One member of a cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{MemberId, Urls};

/// A member as its cluster knows it.
///
/// The JSON form is the one that etcd's `/members` answers and that Raft membership changes carry as context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Identifies the member for its whole life.
    pub id: MemberId,
    /// Where other members reach it; sorted.
    #[serde(rename = "peerURLs", default, deserialize_with = "null_as_empty")]
    pub peer_urls: Vec<String>,
    /// Receives the log but has no vote.
    #[serde(rename = "isLearner", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_learner: bool,
    /// Chosen by the operator; empty until the member has started and published itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where clients reach it; empty until the member has published itself.
    #[serde(
        rename = "clientURLs",
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_empty"
    )]
    pub client_urls: Vec<String>,
}

impl Member {
    /// A voting member with the id that etcd derives; `added_at` as in [`MemberId::derive`].
    pub fn new(name: &str, peer_urls: &Urls, token: &str, added_at: Option<i64>) -> Self {
        let peer_urls = peer_urls.to_strings();
        let id = MemberId::derive(&peer_urls, token, added_at);
        Self { id, peer_urls, is_learner: false, name: name.to_owned(), client_urls: Vec::new() }
    }

    /// Whether the member has published its name, which it does once it runs in the cluster.
    pub fn is_started(&self) -> bool {
        !self.name.is_empty()
    }
}

impl fmt::Display for Member {
    /// The form in which etcd's messages show a member.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "&{{ID:{} RaftAttributes:{{PeerURLs:[{}] IsLearner:{}}} Attributes:{{Name:{} ClientURLs:[{}]}}}}",
            self.id,
            self.peer_urls.join(" "),
            self.is_learner,
            self.name,
            self.client_urls.join(" "),
        )
    }
}

/// Go writes a nil slice as `null`.
fn null_as_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}
