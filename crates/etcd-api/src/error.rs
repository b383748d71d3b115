//! The one table of errors that a client can see.

use tonic::{Code, Status};

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident, $code:ident, $text:literal;)*) => {
        /// Why a request was refused: every row of etcd's error table, code and text exactly as clients compare them.
        ///
        /// `Display` gives the text that travels as the gRPC message; there are never details beside it.
        ///
        /// # Source
        /// etcd `api/v3rpc/rpctypes/error.go`.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Error {
            $($(#[$doc])* #[error($text)] $name,)*
            /// A call that this version does not serve; not a row of etcd's table.
            #[error("etcdserver: {0} is not available in this version")]
            NotAvailable(&'static str),
            /// A stream of a range comes in the order of its keys only.
            #[error("RangeStream does not support custom sort orders")]
            StreamSorted,
            /// A stream of a range takes no bounds of revisions.
            #[error("RangeStream does not support revision filters")]
            StreamFiltered,
            /// An answer does not fit into a message; grpc-go's words.
            #[error("grpc: trying to send message larger than max ({size} vs. {limit})")]
            AnswerTooLarge {
                /// Of the message.
                size: u64,
                /// What a message may have.
                limit: u64,
            },
            /// What has no row in the table; etcd answers such an error with code `Unknown` and its plain text.
            #[error("{0}")]
            Unknown(Box<str>),
        }

        impl Error {
            /// The rows of the table, in order.
            pub const TABLE: &[Self] = &[$(Self::$name,)*];

            /// The gRPC code of this error.
            pub const fn code(&self) -> Code {
                match self {
                    $(Self::$name => Code::$code,)*
                    Self::NotAvailable(_) | Self::StreamSorted | Self::StreamFiltered => Code::Unimplemented,
                    Self::AnswerTooLarge { .. } => Code::ResourceExhausted,
                    Self::Unknown(_) => Code::Unknown,
                }
            }
        }
    };
}

table! {
    /// A request names no key.
    EmptyKey, InvalidArgument, "etcdserver: key is not provided";
    /// `ignore_value` or `ignore_lease` on a key that does not exist; also an empty operation in a transaction.
    KeyNotFound, InvalidArgument, "etcdserver: key not found";
    /// `ignore_value` together with a value.
    ValueProvided, InvalidArgument, "etcdserver: value is provided";
    /// `ignore_lease` together with a lease.
    LeaseProvided, InvalidArgument, "etcdserver: lease is provided";
    /// More operations than `--max-txn-ops` allows.
    TooManyOps, InvalidArgument, "etcdserver: too many operations in txn request";
    /// One branch of a transaction writes a key twice.
    DuplicateKey, InvalidArgument, "etcdserver: duplicate key given in txn request";
    /// The `client-api-version` metadata is not text.
    InvalidClientApiVersion, InvalidArgument, "etcdserver: invalid client api version";
    /// A sort order or target that does not exist.
    InvalidSortOption, InvalidArgument, "etcdserver: invalid sort option";
    /// The revision is older than the last compaction.
    Compacted, OutOfRange, "etcdserver: mvcc: required revision has been compacted";
    /// The revision has not happened yet.
    FutureRevision, OutOfRange, "etcdserver: mvcc: required revision is a future revision";
    /// The storage quota is used up.
    NoSpace, ResourceExhausted, "etcdserver: mvcc: database space exceeded";
    /// No such lease.
    LeaseNotFound, NotFound, "etcdserver: requested lease not found";
    /// A lease with this id was granted already.
    LeaseExists, FailedPrecondition, "etcdserver: lease already exists";
    /// A lease cannot live that long.
    LeaseTtlTooLarge, OutOfRange, "etcdserver: too large lease TTL";
    /// The watch was cancelled by the server.
    WatchCanceled, Cancelled, "etcdserver: watch canceled";
    /// A member with this id is there already.
    MemberExists, FailedPrecondition, "etcdserver: member ID already exist";
    /// Another member has this peer URL.
    PeerUrlExists, FailedPrecondition, "etcdserver: Peer URLs already exists";
    /// The change would leave too few started members for a quorum.
    NotEnoughStartedMembers, FailedPrecondition, "etcdserver: re-configuration failed due to not enough started members";
    /// A peer URL does not parse.
    BadMemberUrls, InvalidArgument, "etcdserver: given member URLs are invalid";
    /// No member has this id, or it was removed.
    MemberNotFound, NotFound, "etcdserver: member not found";
    /// Only a learner can be promoted.
    MemberNotLearner, FailedPrecondition, "etcdserver: can only promote a learner member";
    /// The learner has not caught up with the leader.
    LearnerNotReady, FailedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader";
    /// The cluster has as many learners as it may have.
    TooManyLearners, FailedPrecondition, "etcdserver: too many learner members in cluster";
    /// The request was meant for another cluster.
    ClusterIdMismatch, FailedPrecondition, "etcdserver: cluster ID mismatch";
    /// The proposal is larger than `--max-request-bytes`.
    RequestTooLarge, InvalidArgument, "etcdserver: request is too large";
    /// Too many proposals wait to be applied.
    TooManyRequests, ResourceExhausted, "etcdserver: too many requests";
    /// Authentication cannot be enabled without the user `root`.
    RootUserNotExist, FailedPrecondition, "etcdserver: root user does not exist";
    /// Authentication cannot be enabled while the user `root` lacks the role `root`.
    RootRoleNotExist, FailedPrecondition, "etcdserver: root user does not have root role";
    /// A user of this name exists.
    UserAlreadyExists, FailedPrecondition, "etcdserver: user name already exists";
    /// A user needs a name.
    UserEmpty, InvalidArgument, "etcdserver: user name is empty";
    /// No such user.
    UserNotFound, FailedPrecondition, "etcdserver: user name not found";
    /// A role of this name exists.
    RoleAlreadyExists, FailedPrecondition, "etcdserver: role name already exists";
    /// No such role.
    RoleNotFound, FailedPrecondition, "etcdserver: role name not found";
    /// A role needs a name.
    RoleEmpty, InvalidArgument, "etcdserver: role name is empty";
    /// Wrong user or password; which of the two is not told.
    AuthFailed, InvalidArgument, "etcdserver: authentication failed, invalid user ID or password";
    /// The request carries no permission.
    PermissionNotGiven, InvalidArgument, "etcdserver: permission not given";
    /// The user may not do this.
    PermissionDenied, PermissionDenied, "etcdserver: permission denied";
    /// The user does not have this role.
    RoleNotGranted, FailedPrecondition, "etcdserver: role is not granted to the user";
    /// The role does not have this permission.
    PermissionNotGranted, FailedPrecondition, "etcdserver: permission is not granted to the role";
    /// The request needs authentication to be on.
    AuthNotEnabled, FailedPrecondition, "etcdserver: authentication is not enabled";
    /// The token is unknown or has expired.
    InvalidAuthToken, Unauthenticated, "etcdserver: invalid auth token";
    /// The change would lock everybody out.
    InvalidAuthManagement, InvalidArgument, "etcdserver: invalid auth management";
    /// The token was issued before users or roles changed.
    AuthOldRevision, InvalidArgument, "etcdserver: revision of auth store is old";
    /// The member knows no leader.
    NoLeader, Unavailable, "etcdserver: no leader";
    /// Only the leader answers this.
    NotLeader, FailedPrecondition, "etcdserver: not leader";
    /// The leader changed while the request waited.
    LeaderChanged, Unavailable, "etcdserver: leader changed";
    /// The cluster version does not support this yet.
    NotCapable, FailedPrecondition, "etcdserver: not capable";
    /// The member is shutting down.
    Stopped, Unavailable, "etcdserver: server stopped";
    /// The request was not answered in time.
    Timeout, Unavailable, "etcdserver: request timed out";
    /// As [`Timeout`](Self::Timeout), while the leader was replaced.
    TimeoutLeaderFailed, Unavailable, "etcdserver: request timed out, possibly due to previous leader failure";
    /// As [`Timeout`](Self::Timeout), while this member could not reach a quorum.
    TimeoutConnectionLost, Unavailable, "etcdserver: request timed out, possibly due to connection lost";
    /// The member did not catch up in time to answer.
    TimeoutWaitAppliedIndex, Unavailable, "etcdserver: request timed out, waiting for the applied index took too long";
    /// Too few members are healthy for this change.
    Unhealthy, Unavailable, "etcdserver: unhealthy cluster";
    /// The members' data differ.
    Corrupt, DataLoss, "etcdserver: corrupt cluster";
    /// A learner does not serve this.
    NotSupportedForLearner, FailedPrecondition, "etcdserver: rpc not supported for learner";
    /// Leadership cannot go to this member.
    BadLeaderTransferee, FailedPrecondition, "etcdserver: bad leader transferee";
    /// The target of a downgrade does not parse.
    WrongDowngradeVersionFormat, InvalidArgument, "etcdserver: wrong downgrade target version format";
    /// The target of a downgrade is not one minor version below.
    InvalidDowngradeTargetVersion, InvalidArgument, "etcdserver: invalid downgrade target version";
    /// The cluster version is not known yet.
    ClusterVersionUnavailable, FailedPrecondition, "etcdserver: cluster version not found during downgrade";
    /// A downgrade runs already.
    DowngradeInProcess, FailedPrecondition, "etcdserver: cluster has a downgrade job in progress";
    /// There is no downgrade to cancel.
    NoInflightDowngrade, FailedPrecondition, "etcdserver: no inflight downgrade job";
    /// The client gave up.
    Canceled, Cancelled, "etcdserver: request canceled";
    /// The client's deadline passed.
    DeadlineExceeded, DeadlineExceeded, "etcdserver: context deadline exceeded";
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

#[cfg(test)]
mod tests;
