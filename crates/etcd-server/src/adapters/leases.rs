//! Leases as this member serves them: by itself while it leads, otherwise by asking the leader.

mod parts;
mod peers;
mod permit;

use std::sync::atomic::Ordering;
use std::time::Duration;

use etcd_api::Error;
use etcd_apply::{Request, Response};
use etcd_consensus::Role;
use etcd_lease::{LeaseId, RenewError, Renewed};
use etcd_proto::etcdserverpb::{
    LeaseCheckpoint, LeaseCheckpointRequest, LeaseGrantRequest, LeaseGrantResponse, LeaseRevokeRequest,
    LeaseTimeToLiveResponse,
};
use tokio::time::{sleep, timeout};

pub(crate) use self::parts::{LeaseOptions, LeaseParts};
use super::ServerReplica;
use super::errors::unexpected;

/// How long a question may wait until everything that was committed before it is applied.
///
/// Source: etcd `server/etcdserver/v3_server.go` `applyTimeout`.
const APPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// Between two attempts to find a leader that answers.
const PAUSE: Duration = Duration::from_millis(50);

/// Why this member cannot answer for the leader.
enum Refusal {
    NotFound,
    NotPrimary,
    /// It has not applied what is committed, or cannot find out in time whether it still leads.
    Behind,
    /// A checkpoint could not be withdrawn.
    Other(Error),
}

impl ServerReplica {
    pub(crate) fn leases(&self) -> &LeaseParts {
        &self.0.leases
    }

    pub(super) async fn grant(&self, mut request: LeaseGrantRequest) -> Result<LeaseGrantResponse, Error> {
        while request.id == LeaseId::NONE.get() {
            request.id = (self.0.ids.next() & (u64::MAX >> 1)).cast_signed();
        }
        request.ttl = request.ttl.max(self.leases().options.min_ttl);
        match self.propose(Request::LeaseGrant(request)).await? {
            Response::LeaseGrant(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) fn lease_ids(&self) -> Vec<LeaseId> {
        let leases = self.leases();
        leases.book.lock().list(leases.now())
    }

    pub(super) async fn renew(&self, id: i64) -> Result<i64, Error> {
        // By far the most renewals end here, on the leader, without waiting for anything.
        if let Some(ttl) = self.renew_at_once(id) {
            return Ok(ttl);
        }
        let renew = async {
            loop {
                let outcome = match self.leader() {
                    Leader::Here => self.renew_here(id).await,
                    Leader::At(urls) => self.renew_there(&urls, id).await,
                    Leader::None => Err(Refusal::NotPrimary),
                };
                match outcome {
                    Ok(ttl) => return Ok(ttl),
                    Err(Refusal::NotFound) => return Err(Error::LeaseNotFound),
                    Err(Refusal::Behind) => return Err(Error::TimeoutWaitAppliedIndex),
                    Err(Refusal::Other(error)) => return Err(error),
                    Err(Refusal::NotPrimary) => self.await_leader().await,
                }
            }
        };
        Box::pin(self.within_request_time(renew)).await
    }

    pub(super) async fn time_to_live(&self, id: i64, keys: bool) -> Result<LeaseTimeToLiveResponse, Error> {
        let ask = async {
            loop {
                let outcome = match self.leader() {
                    Leader::Here => match self.time_to_live_here(id, keys).await {
                        Err(Refusal::NotPrimary) => return Err(Error::LeaderChanged),
                        outcome => outcome,
                    },
                    Leader::At(urls) => self.time_to_live_there(&urls, id, keys).await,
                    Leader::None => Err(Refusal::NotPrimary),
                };
                match outcome {
                    Ok(found) => return Ok(found),
                    Err(Refusal::NotFound) => return Err(Error::LeaseNotFound),
                    Err(Refusal::Behind) => return Err(Error::TimeoutWaitAppliedIndex),
                    Err(Refusal::Other(error)) => return Err(error),
                    Err(Refusal::NotPrimary) => self.await_leader().await,
                }
            }
        };
        // Boxed: a question to another member is large, and every call of the client port has room for its largest part.
        Box::pin(self.within_request_time(ask)).await
    }

    /// Revokes a lease whose time is over, as the leader of `term` and only as that: a leader that has been replaced
    /// must not end what the new one keeps alive.
    pub(crate) async fn revoke_expired(&self, id: LeaseId, term: u64) -> Result<(), Error> {
        let request = Request::LeaseRevoke(LeaseRevokeRequest { id: id.get() });
        match self.propose_as_leader(request, term).await {
            Ok(_) => self.leases().count_expired(),
            // Its owner was faster.
            Err(Error::LeaseNotFound) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts into the log what is left of leases.
    pub(crate) async fn checkpoint(&self, leases: &[(LeaseId, i64)], term: u64) -> Result<(), Error> {
        let checkpoints = leases
            .iter()
            .map(|(id, remaining_ttl)| LeaseCheckpoint { id: id.get(), remaining_ttl: *remaining_ttl })
            .collect();
        let request = Request::LeaseCheckpoint(LeaseCheckpointRequest { checkpoints });
        self.propose_as_leader(request, term).await.map(drop)
    }

    fn renew_at_once(&self, id: i64) -> Option<i64> {
        let leases = self.leases();
        if !leases.options.fast_keep_alive || self.counted_term().is_none() || !self.0.raft.is_ticking() {
            return None;
        }
        let renewed = leases.book.lock().renew(LeaseId::new(id), leases.now());
        match renewed {
            Ok(Renewed { ttl, has_checkpoint: false }) => {
                leases.book.count_renewal();
                Some(ttl)
            }
            _ => None,
        }
    }

    async fn renew_here(&self, id: i64) -> Result<i64, Refusal> {
        let term = self.caught_up().await?;
        let leases = self.leases();
        loop {
            // Registered before the look, so that no change in between is missed.
            let mut changed = std::pin::pin!(leases.changed.notified());
            changed.as_mut().enable();
            if self.counted_term() != Some(term) {
                return Err(Refusal::NotPrimary);
            }
            let renewed = leases.book.lock().renew(LeaseId::new(id), leases.now());
            match renewed {
                Ok(renewed) => {
                    if renewed.has_checkpoint {
                        self.checkpoint(&[(LeaseId::new(id), 0)], term).await.map_err(Refusal::Other)?;
                    }
                    leases.book.count_renewal();
                    return Ok(renewed.ttl);
                }
                // It is gone when its keys are.
                Err(RenewError::Expired) => changed.await,
                Err(RenewError::NotFound) => return Err(Refusal::NotFound),
                Err(_) => return Err(Refusal::NotPrimary),
            }
        }
    }

    async fn time_to_live_here(&self, id: i64, keys: bool) -> Result<LeaseTimeToLiveResponse, Refusal> {
        self.caught_up().await?;
        let leases = self.leases();
        let lessor = leases.book.lock();
        let found = lessor.time_to_live(LeaseId::new(id), leases.now()).ok_or(Refusal::NotFound)?;
        let ttl = found.remaining.ok_or(Refusal::NotPrimary)?;
        let keys = match lessor.keys(LeaseId::new(id)) {
            Some(held) if keys => held.cloned().collect(),
            _ => Vec::new(),
        };
        Ok(LeaseTimeToLiveResponse { header: None, id, ttl, granted_ttl: found.granted, keys })
    }

    /// Makes sure that this member leads and has applied everything that was committed; gives the term that it counts
    /// in.
    async fn caught_up(&self) -> Result<u64, Refusal> {
        match timeout(APPLY_TIMEOUT, self.0.raft.read_index()).await {
            Ok(Ok(_)) => self.counted_term().ok_or(Refusal::NotPrimary),
            Ok(Err(_)) => Err(Refusal::Other(Error::Stopped)),
            Err(_) => Err(Refusal::Behind),
        }
    }

    /// The term that this member leads and counts in.
    fn counted_term(&self) -> Option<u64> {
        let counted = self.leases().counts_in.load(Ordering::Acquire);
        let status = self.0.raft.status();
        (counted != 0 && status.role == Role::Leader && status.term == counted).then_some(counted)
    }

    fn leader(&self) -> Leader {
        let leader = self.0.raft.status().leader;
        if leader == self.0.member_id.get() {
            return Leader::Here;
        }
        match self.0.cluster.get().member(etcd_membership::MemberId::new(leader)) {
            Some(member) => Leader::At(member.peer_urls.clone()),
            None => Leader::None,
        }
    }

    /// Waits a little for another leader, or for this one to begin to count.
    async fn await_leader(&self) {
        sleep(PAUSE).await;
    }

    async fn within_request_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match timeout(self.0.options.request_timeout, work).await {
            Ok(outcome) => outcome,
            Err(_) if self.0.raft.status().leader == 0 => Err(Error::NoLeader),
            Err(_) => Err(Error::Timeout),
        }
    }
}

enum Leader {
    Here,
    At(Vec<String>),
    None,
}
