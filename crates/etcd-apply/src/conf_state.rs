//! Raft's configuration as it stands at the applied index, kept in storage beside the data it belongs to.

use bytes::Bytes;
use etcd_proto::raftpb::ConfState;
use etcd_storage::{Batch, Bucket, Storage};
use serde::{Deserialize, Serialize};

const KEY: &[u8] = b"confState";

/// The stored configuration cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfStateError {
    /// Storage failed.
    #[error("cannot read the raft configuration")]
    Read(#[from] etcd_storage::ReadError),
    /// The record is not what this server writes.
    #[error("malformed raft configuration in storage")]
    Malformed(#[from] serde_json::Error),
}

/// The JSON that Go etcd keeps under the same key.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    voters: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    learners: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    voters_outgoing: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    learners_next: Vec<u64>,
    #[serde(default)]
    auto_leave: bool,
}

pub(crate) fn put(batch: &mut Batch, state: &ConfState) {
    let record = Record {
        voters: state.voters.clone(),
        learners: state.learners.clone(),
        voters_outgoing: state.voters_outgoing.clone(),
        learners_next: state.learners_next.clone(),
        auto_leave: state.auto_leave,
    };
    let json = serde_json::to_vec(&record).unwrap_or_else(|error| unreachable!("integers as JSON: {error}"));
    batch.put(Bucket::META, Bytes::from_static(KEY), json);
}

pub(crate) fn load(storage: &Storage) -> Result<Option<ConfState>, ConfStateError> {
    let Some(json) = storage.get(Bucket::META, KEY)? else { return Ok(None) };
    let record: Record = serde_json::from_slice(&json)?;
    Ok(Some(ConfState {
        voters: record.voters,
        learners: record.learners,
        voters_outgoing: record.voters_outgoing,
        learners_next: record.learners_next,
        auto_leave: record.auto_leave,
    }))
}
