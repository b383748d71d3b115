//! What the API needs of the member that it speaks for.

mod maintenance;
mod range;

use std::future::Future;

use etcd_membership::{ClusterId, Member, MemberId};
use etcd_proto::etcdserverpb::{
    AlarmMember, CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse,
    LeaseGrantRequest, LeaseGrantResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse, PutRequest, PutResponse, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
    WatchCreateRequest,
};

use crate::{Accounts, Error};

pub use maintenance::{Maintenance, SnapshotSource};
pub use range::{RangeCursor, RangePlace, RangeTail};

/// The replicated member behind the API.
///
/// Shape: requests arrive validated (`validate`); the answers' headers need only carry the revision, the ids and
/// the term are filled here. Byte fields of a request share the buffer that they arrived in: copy what outlives
/// the request by more than a proposal does.
///
/// Cancel safety: a future is dropped when its client goes away or its deadline passes; a proposal that was
/// already made may still be applied.
///
/// Every method must end by itself (the replica's own request time-out); the API adds only the client's deadline.
pub trait Replica: Accounts + Maintenance {
    /// Reads; linearizable unless `serializable` is set.
    fn range(&self, request: RangeRequest) -> impl Future<Output = Result<RangeResponse, Error>> + Send;

    /// Opens a range in key order, to be read in parts; linearizable unless `serializable` is set. None when the replica
    /// cannot, or the range has no pairs to read: then [`Replica::range`] answers it.
    fn open_range(
        &self,
        _request: RangeRequest,
    ) -> impl Future<Output = Result<Option<Box<dyn RangeCursor>>, Error>> + Send {
        async { Ok(None) }
    }

    /// Writes one key.
    fn put(&self, request: PutRequest) -> impl Future<Output = Result<PutResponse, Error>> + Send;

    /// Deletes a key or an interval.
    fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> impl Future<Output = Result<DeleteRangeResponse, Error>> + Send;

    /// Runs a transaction; one without writes is answered as a read.
    fn txn(&self, request: TxnRequest) -> impl Future<Output = Result<TxnResponse, Error>> + Send;

    /// Drops the history before a revision; waits for the storage when `physical` is set.
    fn compact(
        &self,
        request: CompactionRequest,
    ) -> impl Future<Output = Result<CompactionResponse, Error>> + Send;

    /// Grants a lease; the id 0 lets the replica choose one.
    fn lease_grant(
        &self,
        _request: LeaseGrantRequest,
    ) -> impl Future<Output = Result<LeaseGrantResponse, Error>> + Send {
        std::future::ready(Err(Error::NotAvailable("LeaseGrant")))
    }

    /// Ends a lease, and deletes its keys.
    fn lease_revoke(
        &self,
        _request: LeaseRevokeRequest,
    ) -> impl Future<Output = Result<LeaseRevokeResponse, Error>> + Send {
        std::future::ready(Err(Error::NotAvailable("LeaseRevoke")))
    }

    /// Renews a lease, wherever the leader is; gives the seconds that it lives from now on.
    fn lease_renew(&self, _id: i64) -> impl Future<Output = Result<i64, Error>> + Send {
        std::future::ready(Err(Error::NotAvailable("LeaseKeepAlive")))
    }

    /// What is left of a lease; the answer's header is not used.
    fn lease_time_to_live(
        &self,
        _request: LeaseTimeToLiveRequest,
    ) -> impl Future<Output = Result<LeaseTimeToLiveResponse, Error>> + Send {
        std::future::ready(Err(Error::NotAvailable("LeaseTimeToLive")))
    }

    /// The ids of all leases.
    fn leases(&self) -> impl Future<Output = Result<Vec<i64>, Error>> + Send {
        std::future::ready(Err(Error::NotAvailable("LeaseLeases")))
    }

    /// The checksum of the keyspace up to `revision`; 0 means now.
    fn hash_kv(&self, revision: i64) -> impl Future<Output = Result<KeyspaceHash, Error>> + Send;

    /// Returns once this member has applied everything that was committed when it was called.
    fn linearize(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// The members as this member knows them.
    fn members(&self) -> Vec<Member>;

    /// Who this member is and where it stands. Called twice per request: a few atomic loads, no lock.
    fn standing(&self) -> Standing;

    /// The details that `Maintenance.Status` and `/version` show.
    fn status(&self) -> ReplicaStatus;

    /// A new stream of watchers of this member's keys.
    ///
    /// # Errors
    /// `NotAvailable` by default.
    fn watch(&self) -> Result<etcd_watch::Stream, Error> {
        Err(Error::NotAvailable("Watch"))
    }

    /// Whether whoever the handle acts for may watch the range; the key is never empty, the end is as in the request.
    /// By default everybody may.
    ///
    /// # Errors
    /// The reason why not; clients see it as [`Error::PermissionDenied`], unless it is about the token.
    fn permit_watch(&self, create: &WatchCreateRequest) -> impl Future<Output = Result<(), Error>> + Send {
        let _everybody = create;
        std::future::ready(Ok(()))
    }

    /// The active alarms of the whole cluster.
    fn alarms(&self) -> Vec<AlarmMember> {
        Vec::new()
    }
}

/// A member's identity and its view of the cluster at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The cluster that the member belongs to.
    pub cluster_id: ClusterId,
    /// The member itself.
    pub member_id: MemberId,
    /// The leader's id; 0 when none is known.
    pub leader: u64,
    /// The Raft term.
    pub term: u64,
    /// The newest applied revision.
    pub revision: i64,
    /// Whether the member has no vote.
    pub is_learner: bool,
}

/// What a member tells about itself beyond its [`Standing`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// The etcd API level that the server speaks, as `3.7.0`.
    pub version: String,
    /// The version that all members agreed on; none until it is decided.
    pub cluster_version: Option<String>,
    /// The version of the storage format; none while it is unknown.
    pub storage_version: Option<String>,
    /// The committed index.
    pub index: u64,
    /// The applied index.
    pub applied_index: u64,
    /// The size of the database file, in bytes.
    pub db_size: i64,
    /// The part of it that holds data, in bytes.
    pub db_in_use: i64,
    /// The size at which writes are refused, in bytes; negative when none is.
    pub quota: i64,
    /// The version that the cluster is being downgraded to; none while it is not.
    pub downgrade_target: Option<String>,
    /// What is wrong, beside a missing leader and the alarms.
    pub errors: Vec<String>,
}

/// A checksum of the keyspace that equal members share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyspaceHash {
    /// CRC-32C over the revisions and values.
    pub hash: u32,
    /// The compaction that the checksum starts from; -1 when there was none.
    pub compact_revision: i64,
    /// The newest revision that it covers.
    pub hash_revision: i64,
    /// The member's revision when it was taken.
    pub revision: i64,
}
