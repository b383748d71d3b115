//! What became of one log entry.

use std::sync::Arc;

use etcd_membership::Member;
use etcd_mvcc::{CompactError, WriteError};
use etcd_proto::etcdserverpb::{
    AlarmMember, CompactionResponse, DeleteRangeResponse, LeaseGrantResponse, LeaseRevokeResponse,
    PutResponse, TxnResponse,
};

/// What the proposer of an entry is told.
pub type Outcome = Result<Response, ApplyError>;

/// The answer to a request that was applied. Response headers carry the revision only.
#[derive(Debug)]
#[non_exhaustive]
pub enum Response {
    /// The key is put.
    Put(PutResponse),
    /// The range is deleted.
    DeleteRange(DeleteRangeResponse),
    /// One of the two branches is done.
    Txn(TxnResponse),
    /// History is forgotten; `progress` ends when the space is free as well.
    Compaction {
        /// The answer.
        response: CompactionResponse,
        /// Lets a physical compaction wait for its end.
        progress: etcd_mvcc::Compaction,
    },
    /// The alarms that the request raised, cleared or asked for.
    Alarms(Vec<AlarmMember>),
    /// The lease is granted.
    LeaseGrant(LeaseGrantResponse),
    /// The lease and its keys are gone.
    LeaseRevoke(LeaseRevokeResponse),
    /// The membership, after the change.
    Members(Vec<Member>),
    /// A user has logged in.
    LoggedIn {
        /// Of the entry; part of a simple token.
        index: u64,
        /// Of users and roles, there.
        auth_revision: u64,
    },
    /// The v2 request is done.
    V2(Arc<etcd_v2store::Event>),
    /// Nothing to tell.
    Done,
}

/// An entry that was committed but changed nothing, alike on every member.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The key-value store refused the write.
    #[error("write refused")]
    Write(#[source] WriteError),
    /// The revision cannot be compacted.
    #[error("compaction refused")]
    Compact(#[from] CompactError),
    /// The request names a lease that does not exist.
    #[error("requested lease not found")]
    LeaseNotFound,
    /// An alarm of a member without space is raised, and the request needs some.
    #[error("database space exceeded")]
    NoSpace,
    /// An alarm about data that differ between members is raised.
    #[error("corrupt cluster")]
    Corrupt,
    /// The v2 store refused the request.
    #[error("v2 request refused")]
    V2(#[from] etcd_v2store::Error),
    /// There is a lease with this id.
    #[error("lease already exists")]
    LeaseExists,
    /// A lease cannot live that long.
    #[error("too large lease TTL")]
    LeaseTtlTooLarge,
    /// The membership change breaks a rule.
    #[error("membership change refused")]
    Membership(#[from] etcd_membership::ChangeError),
    /// Whoever made the request may not, or users and roles do not allow for it.
    #[error(transparent)]
    Auth(#[from] etcd_auth::AuthError),
    /// The entry holds a request that this version does not know.
    #[error("unknown request (field {field:?})")]
    Unknown {
        /// Field number in `InternalRaftRequest`.
        field: Option<u32>,
    },
}

impl From<WriteError> for ApplyError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::LeaseNotFound => Self::LeaseNotFound,
            other => Self::Write(other),
        }
    }
}
