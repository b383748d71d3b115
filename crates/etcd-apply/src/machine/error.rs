//! Why a state machine cannot be opened, and why it cannot go on.

use crate::alarms::AlarmsError;
use crate::auth::AuthLoadError;
use crate::conf_change::ConfChangeError;
use crate::conf_state::ConfStateError;
use crate::downgrade::DowngradeError;
use crate::envelope::DecodeError;
use crate::leases::LoadLeasesError;
use crate::{members, v2};

/// The machine's state cannot be read from storage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key-value store cannot be rebuilt.
    #[error("cannot open the key-value store")]
    Store(#[from] etcd_mvcc::OpenError),
    /// The membership records cannot be read.
    #[error("cannot read the membership")]
    Members(#[from] members::LoadError),
    /// The users and roles cannot be read.
    #[error("cannot read users and roles")]
    Auth(#[from] AuthLoadError),
    /// The alarms cannot be read.
    #[error("cannot read the alarms")]
    Alarms(#[from] AlarmsError),
    /// The downgrade that is under way cannot be read.
    #[error("cannot read the downgrade")]
    Downgrade(#[from] DowngradeError),
    /// The v2 keys cannot be read.
    #[error("cannot read the v2 keys")]
    V2(#[from] v2::LoadError),
    /// The leases cannot be read.
    #[error("cannot read the leases")]
    Leases(#[from] LoadLeasesError),
    /// Raft's configuration cannot be read.
    #[error("cannot read the raft configuration")]
    ConfState(#[from] ConfStateError),
    /// The term of the applied index cannot be read.
    #[error("cannot read the applied term")]
    Term(#[from] etcd_storage::ReadError),
}

/// The member cannot go on: its state would no longer be that of the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fatal {
    /// Storage refused the write.
    #[error("cannot apply entry {index}: storage failed")]
    Storage {
        /// Of the entry.
        index: u64,
        /// Why.
        source: etcd_mvcc::CommitError,
    },
    /// What the entry refers to cannot be read here, while it can on other members.
    #[error("cannot apply entry {index}: reading failed")]
    Read {
        /// Of the entry.
        index: u64,
        /// Why.
        source: etcd_mvcc::WriteError,
    },
    /// The entry is not a request, or a malformed one.
    #[error("cannot apply entry {index}: it is malformed")]
    Malformed {
        /// Of the entry.
        index: u64,
        /// Why.
        source: DecodeError,
    },
    /// The entry is not a membership change, or a malformed one.
    #[error("cannot apply the membership change in entry {index}: it is malformed")]
    ConfChange {
        /// Of the entry.
        index: u64,
        /// Why.
        source: ConfChangeError,
    },
    /// Raft did not take the membership change.
    #[error("cannot apply the membership change in entry {index}: {reason}")]
    Reconfigure {
        /// Of the entry.
        index: u64,
        /// Why.
        reason: String,
    },
    /// An entry is missing before this one.
    #[error("entry {index} does not follow the applied index {applied}")]
    Gap {
        /// Of the entry.
        index: u64,
        /// The last one applied.
        applied: u64,
    },
}
