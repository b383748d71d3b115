//! Log entries, both directions.

use bytes::Bytes;
use etcd_proto::raftpb;
use raft::eraftpb;

use super::conf;

/// A log entry as `raft` holds it.
///
/// A configuration change that cannot be decoded gets an empty payload in raft's form: entries that come from the
/// log or from the leader are not parsed by raft, and what they mean is the state machine's business.
pub(crate) fn to_raft(entry: raftpb::Entry) -> eraftpb::Entry {
    let kind = kind_to_raft(entry.r#type);
    let data = match kind {
        eraftpb::EntryType::EntryNormal => {
            return assemble(kind, entry.term, entry.index, entry.data, Bytes::new());
        }
        eraftpb::EntryType::EntryConfChange => conf::v1_payload(&entry.data),
        eraftpb::EntryType::EntryConfChangeV2 => conf::v2_payload(&entry.data),
    };
    assemble(kind, entry.term, entry.index, data.unwrap_or_default(), entry.data)
}

/// A proposal of plain data: term and index are given by the leader.
pub(crate) fn proposal(data: Bytes) -> eraftpb::Entry {
    assemble(eraftpb::EntryType::EntryNormal, 0, 0, data, Bytes::new())
}

/// The entry as it goes into the log, onto the wire and to the state machine.
pub(crate) fn from_raft(entry: eraftpb::Entry) -> raftpb::Entry {
    let (r#type, data) = match entry.entry_type {
        eraftpb::EntryType::EntryNormal => (raftpb::EntryType::EntryNormal, entry.data),
        eraftpb::EntryType::EntryConfChange => (raftpb::EntryType::EntryConfChange, entry.context),
        eraftpb::EntryType::EntryConfChangeV2 => (raftpb::EntryType::EntryConfChangeV2, entry.context),
    };
    raftpb::Entry { r#type: r#type.into(), term: entry.term, index: entry.index, data }
}

/// Approximate size of an entry in memory and on the wire, in bytes.
pub(crate) fn size(entry: &eraftpb::Entry) -> u64 {
    const OVERHEAD: u64 = 16;
    (entry.data.len() + entry.context.len()) as u64 + OVERHEAD
}

fn assemble(kind: eraftpb::EntryType, term: u64, index: u64, data: Bytes, context: Bytes) -> eraftpb::Entry {
    eraftpb::Entry { entry_type: kind, term, index, data, context, ..eraftpb::Entry::default() }
}

fn kind_to_raft(kind: i32) -> eraftpb::EntryType {
    match raftpb::EntryType::try_from(kind) {
        Ok(raftpb::EntryType::EntryConfChange) => eraftpb::EntryType::EntryConfChange,
        Ok(raftpb::EntryType::EntryConfChangeV2) => eraftpb::EntryType::EntryConfChangeV2,
        Ok(raftpb::EntryType::EntryNormal) | Err(_) => eraftpb::EntryType::EntryNormal,
    }
}
