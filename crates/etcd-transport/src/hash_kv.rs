//! The question for the hash of a member's keys, which `/members/hashkv` answers.
//!
//! # Source
//! etcd `server/etcdserver/corrupt.go`, hashKVHandler and HashByRev.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{FetchError, PeerClient};

/// The path on the peer port.
pub const HASH_KV_PATH: &str = "/members/hashkv";

/// The question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashKvQuestion {
    /// The newest revision that counts; 0 for all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: i64,
}

/// The answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashKvAnswer {
    /// Who answers, and where it is.
    #[serde(default)]
    pub header: HashKvHeader,
    /// The hash.
    #[serde(default)]
    pub hash: u32,
    /// The compaction that the hash stands on; -1 when there was none.
    #[serde(default)]
    pub compact_revision: i64,
    /// The revision that the hash is of.
    #[serde(default)]
    pub hash_revision: i64,
}

/// Who answers, and where it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashKvHeader {
    /// The cluster.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cluster_id: u64,
    /// The member.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub member_id: u64,
    /// The member's revision now.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: i64,
    /// The Raft term.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub raft_term: u64,
}

/// Why a member did not tell its hash.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashKvError {
    /// It has compacted the revision.
    #[error("the member has compacted the revision")]
    Compacted,
    /// It has not applied the revision yet.
    #[error("the member has not reached the revision")]
    FutureRevision,
    /// There was no such answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl PeerClient {
    /// The hash of the keys of the member at `url` up to `revision`.
    ///
    /// # Errors
    /// [`HashKvError`]; all of them may be different a moment later, except for a bad URL.
    pub async fn fetch_hash_kv(
        &self,
        url: &str,
        revision: i64,
        patience: Duration,
    ) -> Result<HashKvAnswer, HashKvError> {
        let answer = |reason: String| FetchError::Answer { url: url.to_owned(), reason };
        let question =
            serde_json::to_vec(&HashKvQuestion { revision }).map_err(|error| answer(error.to_string()))?;
        match self.ask(url, HASH_KV_PATH, question.into(), patience).await {
            Ok((_, body)) => Ok(serde_json::from_slice(&body).map_err(|error| answer(error.to_string()))?),
            Err(FetchError::Answer { reason, .. }) if reason.contains("has been compacted") => {
                Err(HashKvError::Compacted)
            }
            Err(FetchError::Answer { reason, .. }) if reason.contains("is a future revision") => {
                Err(HashKvError::FutureRevision)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
