//! Opens the Raft log, or begins a new one, and fits it to what storage holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use bytes::Bytes;
use etcd_apply::Machine;
use etcd_bootstrap::{InitialCluster, Mode};
use etcd_consensus::{Position, RecoveredLog, bootstrap};
use etcd_membership::Member;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{ConfChange, ConfState, Entry, EntryType};
use etcd_wal::{AppendError, CreateError, FsDisk, Metadata, OpenError, Options, Wal};
use tracing::{info, warn};

/// The log cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogOpenError {
    /// A new log cannot be created.
    #[error("cannot create the write-ahead log")]
    Create(#[from] CreateError),
    /// The log that is there cannot be opened.
    #[error("cannot open the write-ahead log")]
    Open(#[from] OpenError),
    /// Whether there is a log cannot be found out, or an empty one cannot be removed.
    #[error("cannot look into the log directory {path}")]
    Look {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The first entries cannot be written.
    #[error("cannot write the first entries of the log")]
    Begin(#[from] AppendError),
}

/// A log that is ready to be driven, and whose it is.
pub(crate) struct OpenLog {
    pub(crate) wal: Wal,
    pub(crate) recovered: RecoveredLog,
    pub(crate) metadata: Metadata,
}

/// Whether this member has a log, and so has been started before.
pub(crate) fn exists(dir: &Path) -> Result<bool, LogOpenError> {
    match etcd_wal::exists(&FsDisk, dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map_err(|source| LogOpenError::Look { path: dir.to_owned(), source }),
    }
}

/// Removes a log that is [blank](is_blank).
pub(crate) fn discard(dir: &Path) -> Result<(), LogOpenError> {
    fs::remove_dir_all(dir).map_err(|source| LogOpenError::Look { path: dir.to_owned(), source })
}

/// Begins the log of a member that starts for the first time.
pub(crate) fn begin(dir: &Path, options: Options, initial: &InitialCluster) -> Result<OpenLog, LogOpenError> {
    let metadata = Metadata { node_id: initial.local_id.get(), cluster_id: initial.cluster_id.get() };
    let mut wal = Wal::create(Arc::new(FsDisk), dir, metadata, options)?;
    let mut recovered = RecoveredLog::default();
    if initial.mode == Mode::New {
        let members = initial.members.iter().map(|member| {
            let json =
                serde_json::to_vec(member).unwrap_or_else(|error| unreachable!("a member as JSON: {error}"));
            (member.id.get(), Bytes::from(json))
        });
        let first = bootstrap(members);
        wal.append(&first.entries, Some(&first.hard_state), true)?;
        recovered.entries = first.entries;
        recovered.hard_state = first.hard_state;
        recovered.conf_state = first.conf_state;
    }
    Ok(OpenLog { wal, recovered, metadata })
}

/// Reads the log of a member that starts again. `machine` stands where storage stands.
pub(crate) fn reopen(dir: &Path, options: Options, machine: &Machine) -> Result<OpenLog, LogOpenError> {
    let applied = Position { index: machine.applied(), term: machine.applied_term() };
    let (wal, found) = Wal::open(Arc::new(FsDisk), dir, options, applied.index)?;
    if let Some(repair) = found.repaired {
        warn!(path = %repair.path.display(), offset = repair.offset, "cut off a write that a crash interrupted");
    }
    info!(
        mark = found.mark.index,
        entries = found.entries.len(),
        commit = found.hard_state.commit,
        term = found.hard_state.term,
        applied = applied.index,
        "read the write-ahead log"
    );
    let conf_state = machine.conf_state().cloned().unwrap_or_else(|| founding_conf_state(&found.entries));
    let recovered = RecoveredLog {
        mark: Position { index: found.mark.index, term: found.mark.term },
        entries: found.entries,
        hard_state: found.hard_state,
        applied,
        conf_state,
    };
    Ok(OpenLog { wal, recovered, metadata: found.metadata })
}

/// Whether the log holds nothing: the member stopped after creating it and before its first entry was durable.
/// Such a member has promised nothing to anybody and may start over.
pub(crate) fn is_blank(log: &OpenLog) -> bool {
    let recovered = &log.recovered;
    recovered.mark.index == 0 && recovered.entries.is_empty() && recovered.hard_state.term == 0
}

/// The members that the founding entries name: whom to connect to before they are applied again.
pub(crate) fn founding_members(entries: &[Entry]) -> Vec<Member> {
    founding_changes(entries).filter_map(|change| serde_json::from_slice(&change.context).ok()).collect()
}

/// The configuration that the founding entries add up to: raft needs it before they are applied again.
fn founding_conf_state(entries: &[Entry]) -> ConfState {
    let voters = founding_changes(entries).map(|change| change.node_id).collect();
    ConfState { voters, ..ConfState::default() }
}

fn founding_changes(entries: &[Entry]) -> impl Iterator<Item = ConfChange> {
    let founding = entries.iter().enumerate().take_while(|(position, entry)| {
        entry.index == *position as u64 + 1 && entry.term == 1 && entry.r#type() == EntryType::EntryConfChange
    });
    founding.filter_map(|(_, entry)| ConfChange::decode(entry.data.clone()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn founding_members_are_found_in_the_log_and_nobody_in_a_joiners() {
        let founded = bootstrap([(7, Bytes::from_static(b"{}")), (3, Bytes::from_static(b"{}"))]);
        assert_eq!(founding_conf_state(&founded.entries), founded.conf_state);

        let later = Entry { term: 2, index: 3, ..founded.entries[0].clone() };
        let with_later = [founded.entries, vec![later]].concat();
        assert_eq!(founding_conf_state(&with_later), founded.conf_state);
        assert_eq!(founding_conf_state(&[]), ConfState::default());
    }
}
