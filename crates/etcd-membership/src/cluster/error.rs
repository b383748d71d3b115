//! Refusals, with etcd's texts.

use crate::Member;

/// Why an initial cluster cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NewClusterError {
    /// Two members would have one id.
    #[error("member exists with identical ID {0}")]
    IdenticalId(Box<Member>),
    /// A member's id would be 0, which Raft uses for "nobody".
    #[error("cannot use 0 as member id")]
    ZeroId,
}

/// Why a change of the membership is refused; the texts are etcd's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The id was removed once and cannot come back.
    #[error("membership: ID removed")]
    IdRemoved,
    /// A member with that id is there.
    #[error("membership: ID exists")]
    IdExists,
    /// No member has that id.
    #[error("membership: ID not found")]
    IdNotFound,
    /// Another member has one of the peer URLs.
    #[error("membership: peerURL exists")]
    PeerUrlExists,
    /// Only a learner can be promoted.
    #[error("membership: can only promote a learner member")]
    NotLearner,
    /// One more learner would be over the limit.
    #[error("membership: too many learner members in cluster")]
    TooManyLearners,
}
