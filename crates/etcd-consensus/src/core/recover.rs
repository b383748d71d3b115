//! From what the log and the state machine hold at start to the log in memory.

use etcd_proto::raftpb;
use raft::eraftpb::HardState;

use super::storage::{LogStore, Position};
use crate::convert::{conf, entry};

/// What was found at start.
#[derive(Clone, Debug, Default)]
pub struct RecoveredLog {
    /// Where the recovered entries begin: the snapshot mark they follow. Zero for a log that was never cut.
    pub mark: Position,
    /// The entries after the mark.
    pub entries: Vec<raftpb::Entry>,
    /// The newest hard state.
    pub hard_state: raftpb::HardState,
    /// What the state machine has durably applied; its term may be zero when it is within the entries.
    pub applied: Position,
    /// The configuration as of `applied`. Empty for a member that joins and has applied nothing.
    pub conf_state: raftpb::ConfState,
}

/// Why a log cannot be started from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The log continues after a place that the state machine has not reached.
    #[error("the state machine is at index {applied}, before the start of the log at {mark}")]
    Behind {
        /// What the state machine has applied.
        applied: u64,
        /// Where the log starts.
        mark: u64,
    },
    /// An entry is missing.
    #[error("log entry {found} where {expected} should be")]
    Gap {
        /// The index that was found.
        found: u64,
        /// The index that had to follow.
        expected: u64,
    },
    /// The state machine is ahead of the log and does not say in which term.
    #[error(
        "the state machine is at index {applied}, after the end of the log at {last}, in an unknown term"
    )]
    Ahead {
        /// What the state machine has applied.
        applied: u64,
        /// Where the log ends.
        last: u64,
    },
    /// The configuration cannot be used.
    #[error("the stored configuration contradicts itself")]
    ConfState,
    /// The settings cannot be used.
    #[error("raft refuses the settings")]
    Settings {
        /// Raft's reason.
        source: raft::Error,
    },
}

/// A log to start from, and whether the log on disk has to start again at `applied`.
pub(super) fn load(recovered: RecoveredLog) -> Result<(LogStore, bool), LoadError> {
    let RecoveredLog { mark, mut entries, hard_state, applied, conf_state } = recovered;
    if applied.index < mark.index {
        return Err(LoadError::Behind { applied: applied.index, mark: mark.index });
    }
    if conf_state != raftpb::ConfState::default() && !conf::state_is_sound(&conf_state) {
        return Err(LoadError::ConfState);
    }
    check_contiguous(mark, &entries)?;
    entries.truncate(in_order(mark, &entries));

    let mut store =
        LogStore { base: mark, conf_state: conf::state_to_raft(conf_state), ..LogStore::default() };
    store.append(entries.into_iter().map(entry::to_raft).collect());
    let restart = must_restart(&store, applied)?;
    if restart {
        store.reset(applied);
    }
    store.applied = applied.index;
    store.hard_state = usable_hard_state(&store, hard_state);
    Ok((store, restart))
}

fn check_contiguous(mark: Position, entries: &[raftpb::Entry]) -> Result<(), LoadError> {
    for (expected, entry) in (mark.index + 1..).zip(entries) {
        if entry.index != expected {
            return Err(LoadError::Gap { found: entry.index, expected });
        }
    }
    Ok(())
}

/// How many entries have terms that never fall. What comes after was overwritten by the mark in front of it.
fn in_order(mark: Position, entries: &[raftpb::Entry]) -> usize {
    let mut term = mark.term;
    let rises = |entry: &&raftpb::Entry| {
        let holds = entry.term >= term;
        term = entry.term;
        holds
    };
    entries.iter().take_while(rises).count()
}

/// Whether the state machine holds a snapshot that the log does not know of: it was installed, and the member
/// stopped before the log got its mark.
fn must_restart(store: &LogStore, applied: Position) -> Result<bool, LoadError> {
    match store.term_of(applied.index) {
        Some(term) => Ok(applied.term != 0 && applied.term != term),
        None if applied.term == 0 => {
            Err(LoadError::Ahead { applied: applied.index, last: store.last().index })
        }
        None => Ok(true),
    }
}

/// Raft panics on a commit index outside `[applied, last]`; the stored one may lag, as it is not always synced.
fn usable_hard_state(store: &LogStore, stored: raftpb::HardState) -> HardState {
    let last = store.last();
    let mut state = HardState { term: stored.term, vote: stored.vote, ..HardState::default() };
    state.commit = stored.commit.max(store.applied).clamp(store.base.index, last.index);
    if state.term < last.term {
        // The entries outlived the hard state that was written after them; no vote of that term was ever sent.
        state.term = last.term;
        state.vote = 0;
    }
    state
}
