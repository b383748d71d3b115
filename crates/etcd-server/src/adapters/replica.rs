//! The API's view of this member: proposals, reads and status.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use etcd_api::metrics::{FROM_100_US, Times};
use etcd_api::{Error, KeyspaceHash, RangeCursor, Replica, ReplicaStatus, Standing};
use etcd_apply::{AlarmState, ClusterState, DowngradeState, Outcome, Request, Response};
use etcd_consensus::Raft;
use etcd_lease::LeaseId;
use etcd_membership::{ClusterId, ClusterVersion, Member, MemberId};
use etcd_mvcc::{RangeError, Store};
use etcd_proto::etcdserverpb::{
    AlarmMember, CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse,
    LeaseGrantRequest, LeaseGrantResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse, PutRequest, PutResponse, RangeRequest, RangeResponse, ResponseHeader,
    TxnRequest, TxnResponse, WatchCreateRequest,
};
use etcd_storage::Storage;
use etcd_watch::Hub;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::auth::{Authority, Caller};
use super::cursor::Cursor;
use super::errors::{range_error, submit_error, unexpected};
use super::leases::LeaseParts;
use super::ranges::{is_long, is_serializable, ranges};
use crate::API_VERSION;
use crate::quota::Quota;
use crate::request_id::RequestIds;
use crate::waiters::Waiters;

/// Before this version etcd's storage had no version of its own.
const FIRST_STORAGE_VERSION: ClusterVersion = ClusterVersion::new(3, 6);

/// Long ranges that may be read at the same time.
const LONG_READS: usize = 16;

/// Ranges that may be open at the same time, each for as long as its client takes to receive it.
const OPEN_RANGES: usize = 64;

/// Limits of one member.
#[derive(Debug, Clone)]
pub(crate) struct ReplicaOptions {
    pub(crate) max_request_bytes: usize,
    /// How long a proposal may take: five seconds and two election time-outs.
    pub(crate) request_timeout: Duration,
    pub(crate) quota: Quota,
}

/// A cheap handle, which acts for somebody: nobody at first.
#[derive(Clone)]
pub(crate) struct ServerReplica(pub(super) Arc<Inner>, Caller);

pub(super) struct Inner {
    parts: Parts,
    long_reads: Semaphore,
    open_ranges: Arc<Semaphore>,
    /// How long ranges of one message take to be read: those that fail, and those that succeed.
    range_times: [Times; 2],
    /// Set where this member has raised its alarm about space by itself, until its task has seen it.
    pub(super) has_raised_alarm: AtomicBool,
    pub(super) options: ReplicaOptions,
}

impl Deref for Inner {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// What a replica is made of.
pub(crate) struct Parts {
    pub(crate) cluster_id: ClusterId,
    pub(crate) member_id: MemberId,
    pub(crate) raft: Raft,
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) storage: Storage,
    pub(crate) cluster: ClusterState,
    pub(crate) authority: Arc<Authority>,
    pub(crate) alarms: AlarmState,
    pub(crate) downgrade: DowngradeState,
    pub(crate) waiters: Arc<Waiters<Outcome>>,
    pub(crate) ids: Arc<RequestIds>,
    pub(crate) leases: LeaseParts,
}

impl ServerReplica {
    pub(crate) fn new(parts: Parts, options: ReplicaOptions) -> Self {
        let long_reads = Semaphore::new(LONG_READS);
        let open_ranges = Arc::new(Semaphore::new(OPEN_RANGES));
        let range_times = [false, true].map(|_| Times::new(&FROM_100_US));
        let has_raised_alarm = AtomicBool::new(false);
        let inner = Inner { parts, long_reads, open_ranges, range_times, has_raised_alarm, options };
        Self(Arc::new(inner), Caller::default())
    }

    pub(super) fn with_caller(&self, caller: Caller) -> Self {
        Self(Arc::clone(&self.0), caller)
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.1
    }

    pub(super) fn authority(&self) -> &Arc<Authority> {
        &self.0.authority
    }

    pub(super) fn request_timeout(&self) -> Duration {
        self.0.options.request_timeout
    }

    /// How long ranges take to be read: those that fail, and those that succeed.
    pub(crate) fn range_times(&self) -> &[Times; 2] {
        &self.0.range_times
    }

    pub(crate) fn cluster_id(&self) -> ClusterId {
        self.0.cluster_id
    }

    pub(super) async fn barrier(&self, serializable: bool) -> Result<(), Error> {
        if serializable {
            return Ok(());
        }
        match timeout(self.0.options.request_timeout, self.0.raft.read_index()).await {
            Ok(Ok(_index)) => Ok(()),
            Ok(Err(error)) => Err(submit_error(error)),
            Err(_elapsed) => Err(self.timed_out()),
        }
    }

    /// Reads on this thread, or, when it may take long, on one where blocking is allowed.
    async fn read<T: Send + 'static>(
        &self,
        long: bool,
        read: impl FnOnce(&Store) -> Result<T, RangeError> + Send + 'static,
    ) -> Result<T, Error> {
        if !long {
            return read(&self.0.store).map_err(range_error);
        }
        let _permit = self.0.long_reads.acquire().await.map_err(|_| Error::Stopped)?;
        let store = self.0.store.clone();
        let outcome = tokio::task::spawn_blocking(move || read(&store)).await.map_err(|_| Error::Stopped)?;
        outcome.map_err(range_error)
    }

    async fn read_txn(&self, request: TxnRequest) -> Result<TxnResponse, Error> {
        self.barrier(is_serializable(&request)).await?;
        let state = &self.authority().state;
        let who = self.check(|_, who| state.permit_txn(who, &request, &|_| Vec::new())).await?;
        let long = ranges(&request).any(is_long);
        let (mut response, revision) = self.read(long, move |store| store.read_txn(&request)).await?;
        self.still(who.as_ref())?;
        response.header = header(revision);
        Ok(response)
    }
}

impl Replica for ServerReplica {
    async fn range(&self, request: RangeRequest) -> Result<RangeResponse, Error> {
        self.barrier(request.serializable).await?;
        let who = self.check(|users, who| users.may_read(who, &request.key, &request.range_end)).await?;
        let begun = Instant::now();
        let read = self.read(is_long(&request), move |store| store.range(&request)).await;
        self.0.range_times[usize::from(read.is_ok())].observe(begun.elapsed());
        let (mut response, revision) = read?;
        self.still(who.as_ref())?;
        response.header = header(revision);
        Ok(response)
    }

    async fn open_range(&self, request: RangeRequest) -> Result<Option<Box<dyn RangeCursor>>, Error> {
        self.barrier(request.serializable).await?;
        let who = self.check(|users, who| users.may_read(who, &request.key, &request.range_end)).await?;
        let permit = Arc::clone(&self.0.open_ranges).acquire_owned().await.map_err(|_| Error::Stopped)?;
        let reader = self.0.store.range_reader(request).map_err(range_error)?;
        // The revision that is read is pinned now: later changes of users do not count.
        self.still(who.as_ref())?;
        Ok(reader.map(|reader| -> Box<dyn RangeCursor> { Box::new(Cursor { reader, _permit: permit }) }))
    }

    async fn put(&self, request: PutRequest) -> Result<PutResponse, Error> {
        match self.propose(Request::Put(request)).await? {
            Response::Put(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    async fn delete_range(&self, request: DeleteRangeRequest) -> Result<DeleteRangeResponse, Error> {
        match self.propose(Request::DeleteRange(request)).await? {
            Response::DeleteRange(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    async fn txn(&self, request: TxnRequest) -> Result<TxnResponse, Error> {
        if etcd_mvcc::is_read_only(&request) {
            return self.read_txn(request).await;
        }
        match self.propose(Request::Txn(request)).await? {
            Response::Txn(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    async fn compact(&self, request: CompactionRequest) -> Result<CompactionResponse, Error> {
        let physical = request.physical;
        match self.propose(Request::Compaction(request)).await? {
            Response::Compaction { mut response, progress } => {
                if physical {
                    let (done, ended) = tokio::sync::oneshot::channel();
                    progress.on_end(move || _ = done.send(()));
                    ended.await.map_err(|_| Error::Stopped)?;
                }
                response.header = header(self.0.store.revision());
                Ok(response)
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn lease_grant(&self, request: LeaseGrantRequest) -> Result<LeaseGrantResponse, Error> {
        self.grant(request).await
    }

    async fn lease_revoke(&self, request: LeaseRevokeRequest) -> Result<LeaseRevokeResponse, Error> {
        match self.propose(Request::LeaseRevoke(request)).await? {
            Response::LeaseRevoke(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    async fn lease_renew(&self, id: i64) -> Result<i64, Error> {
        self.permit_renewal(id).await?;
        self.renew(id).await
    }

    async fn lease_time_to_live(
        &self,
        request: LeaseTimeToLiveRequest,
    ) -> Result<LeaseTimeToLiveResponse, Error> {
        let who = if request.keys { self.permit_keys(&[LeaseId::new(request.id)]).await? } else { None };
        let answer = self.time_to_live(request.id, request.keys).await?;
        self.still(who.as_ref())?;
        Ok(answer)
    }

    async fn leases(&self) -> Result<Vec<i64>, Error> {
        let ids = self.lease_ids();
        let who = self.permit_keys(&ids).await?;
        self.still(who.as_ref())?;
        Ok(ids.into_iter().map(LeaseId::get).collect())
    }

    async fn hash_kv(&self, revision: i64) -> Result<KeyspaceHash, Error> {
        let hash = self.read(true, move |store| store.hash_kv(revision)).await?;
        Ok(KeyspaceHash {
            hash: hash.hash,
            compact_revision: hash.compact_revision,
            hash_revision: hash.hash_revision,
            // Who asks for the newest takes the header's revision for that of the hash, as it is in etcd.
            revision: if revision > 0 { self.0.store.revision() } else { hash.hash_revision },
        })
    }

    async fn linearize(&self) -> Result<(), Error> {
        self.barrier(false).await
    }

    fn watch(&self) -> Result<etcd_watch::Stream, Error> {
        Ok(self.0.hub.stream())
    }

    async fn permit_watch(&self, create: &WatchCreateRequest) -> Result<(), Error> {
        self.check(|users, who| users.may_read(who, &create.key, &create.range_end)).await.map(drop)
    }

    fn members(&self) -> Vec<Member> {
        self.0.cluster.members()
    }

    fn standing(&self) -> Standing {
        let status = self.0.raft.status();
        Standing {
            cluster_id: self.0.cluster_id,
            member_id: self.0.member_id,
            leader: status.leader,
            term: status.term,
            revision: self.0.store.revision(),
            is_learner: self.0.cluster.get().member(self.0.member_id).is_some_and(|member| member.is_learner),
        }
    }

    fn status(&self) -> ReplicaStatus {
        let raft = self.0.raft.status();
        let size = self.0.storage.size();
        let cluster_version = self.0.cluster.get().version();
        ReplicaStatus {
            version: API_VERSION.to_owned(),
            cluster_version: cluster_version.map(|version| version.to_string()),
            // The layout follows the cluster, as etcd's does; it has had a version since 3.6.
            storage_version: cluster_version
                .filter(|version| *version >= FIRST_STORAGE_VERSION)
                .map(|v| v.to_string()),
            index: raft.commit,
            applied_index: raft.applied,
            db_size: i64::try_from(size.total).unwrap_or(i64::MAX),
            db_in_use: i64::try_from(size.in_use).unwrap_or(i64::MAX),
            quota: self.0.options.quota.reported(),
            downgrade_target: self.0.downgrade.get().target().map(|version| version.to_string()),
            errors: Vec::new(),
        }
    }

    fn alarms(&self) -> Vec<AlarmMember> {
        self.0.alarms.get()
    }
}

fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..ResponseHeader::default() })
}

#[cfg(test)]
mod tests;
