//! Asking the leader about leases: only it knows how much time they have.
//!
//! A member that is asked to renew a lease, or what is left of one, posts the question to the leader's peer port, as
//! etcd's members do: `/leases` with an `etcdserverpb.LeaseKeepAliveRequest`, `/leases/internal` with a
//! `leasepb.LeaseInternalRequest`.
//!
//! # Source
//! etcd `server/lease/leasehttp/http.go`.

mod client;
mod serve;

use async_trait::async_trait;
use etcd_proto::etcdserverpb::LeaseTimeToLiveResponse;

pub use client::{LeaseClient, LeaseQuestionError};
pub use serve::lease_routes;

const RENEW: &str = "/leases";
const INTERNAL: &str = "/leases/internal";
const PROTOBUF: &str = "application/protobuf";
/// A question is a number and a flag.
const QUESTION_LIMIT: usize = 64 << 10;
/// An answer may name every key of a lease.
const ANSWER_LIMIT: usize = 100 << 20;

/// The leader's side of the questions.
#[async_trait]
pub trait LeaseNode: Send + Sync + 'static {
    /// Renews a lease, and gives the seconds that it lives from now on. Must end by itself.
    ///
    /// # Errors
    /// [`LeaseRefusal`].
    async fn renew(&self, id: i64) -> Result<i64, LeaseRefusal>;

    /// What is left of a lease, and, if asked for, its keys. Must end by itself.
    ///
    /// # Errors
    /// [`LeaseRefusal`].
    async fn time_to_live(&self, id: i64, keys: bool) -> Result<LeaseTimeToLiveResponse, LeaseRefusal>;
}

/// Why the member that was asked did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseRefusal {
    /// There is no such lease.
    #[error("lease not found")]
    NotFound,
    /// It does not lead, or no longer.
    #[error("not a primary lessor")]
    NotPrimary,
    /// It has not applied what was committed, and so cannot know.
    #[error("waiting for node to catch up its applied index has timed out")]
    Behind,
}
