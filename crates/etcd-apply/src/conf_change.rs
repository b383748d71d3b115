//! Reads the membership change that a log entry carries.

use etcd_membership::{Change, DecodeChangeError};
use etcd_proto::prost::{DecodeError, Message as _};
use etcd_proto::raftpb::{ConfChange, ConfChangeV2, Entry, EntryType};

/// The entry does not carry a membership change that can be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfChangeError {
    /// The bytes are not a membership change.
    #[error("malformed membership change")]
    Malformed(#[from] DecodeError),
    /// Type, node and context do not fit together.
    #[error("membership change that makes no sense")]
    Meaning(#[from] DecodeChangeError),
    /// etcd changes one member at a time; so does this server.
    #[error("membership change of {0} members at once")]
    Joint(usize),
}

/// The change for Raft, and what it means for the membership.
pub(crate) fn decode(entry: &Entry) -> Result<(ConfChange, Change), ConfChangeError> {
    let raft = if entry.r#type() == EntryType::EntryConfChangeV2 {
        single(ConfChangeV2::decode(entry.data.clone())?)?
    } else {
        ConfChange::decode(entry.data.clone())?
    };
    let change = Change::decode(raft.r#type, raft.node_id, &raft.context)?;
    Ok((raft, change))
}

fn single(change: ConfChangeV2) -> Result<ConfChange, ConfChangeError> {
    match change.changes.as_slice() {
        [only] => {
            Ok(ConfChange { id: 0, r#type: only.r#type, node_id: only.node_id, context: change.context })
        }
        several => Err(ConfChangeError::Joint(several.len())),
    }
}
