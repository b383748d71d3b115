//! Leases: what entries of the log do to them, and the handle through which the leader counts their time.

mod record;
mod stats;

use std::sync::Arc;

use bytes::Bytes;
use etcd_lease::{GrantError, LeaseId, Lessor};
use etcd_mvcc::WriteTxn;
use etcd_proto::etcdserverpb::{
    DeleteRangeRequest, LeaseCheckpointRequest, LeaseGrantRequest, LeaseGrantResponse, LeaseRevokeRequest,
    LeaseRevokeResponse, ResponseHeader,
};
use etcd_proto::mvccpb::Event;
use etcd_storage::Storage;
use parking_lot::{Mutex, MutexGuard};
use tracing::{info, warn};

use crate::outcome::{ApplyError, Outcome, Response};

pub use record::LoadLeasesError;
pub use stats::{LeaseStats, TTL_BOUNDS};

/// The leases as far as the log was applied; a cheap handle.
///
/// Only the apply thread changes which leases there are and what they hold. Whoever leads counts their time.
#[derive(Debug, Clone)]
pub struct Leases(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lessor: Mutex<Lessor>,
    stats: stats::Counters,
}

impl Leases {
    /// No leases yet.
    pub(crate) fn new(options: etcd_lease::Options) -> Self {
        Self(Arc::new(Inner { lessor: Mutex::new(Lessor::new(options)), stats: stats::Counters::default() }))
    }

    /// The book and the clock. Hold it shortly: the apply thread waits for it. Of the book nothing may be changed but
    /// by entries of the log.
    pub fn lock(&self) -> MutexGuard<'_, Lessor> {
        self.0.lessor.lock()
    }

    /// The keys that a lease holds, ascending; none if there is no such lease.
    pub fn keys(&self, id: LeaseId) -> Vec<Bytes> {
        self.lock().keys(id).map(|keys| keys.cloned().collect()).unwrap_or_default()
    }

    /// Counts a renewal.
    pub fn count_renewal(&self) {
        self.0.stats.renewed();
    }

    /// What was counted since the start.
    pub fn stats(&self) -> LeaseStats {
        self.0.stats.read()
    }
}

/// The apply thread's side.
pub(crate) struct LeaseWriter {
    leases: Leases,
    /// Keys that have a lease; while there are none, most writes need not look.
    attached: usize,
}

impl LeaseWriter {
    pub(crate) fn new(leases: Leases) -> Self {
        Self { leases, attached: 0 }
    }

    pub(crate) fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Reads everything anew: the leases from storage, and who holds which keys from the keys themselves.
    pub(crate) fn load(
        &mut self,
        storage: &Storage,
        attached: Vec<(Bytes, i64)>,
    ) -> Result<(), LoadLeasesError> {
        let records = record::load(storage)?;
        let mut lessor = self.leases.lock();
        lessor.clear();
        for record in &records {
            lessor.restore(LeaseId::new(record.id), record.ttl, record.remaining_ttl);
        }
        let orphans = attached.iter().filter(|(key, id)| !lessor.attach(key, LeaseId::new(*id))).count();
        self.attached = lessor.attached();
        drop(lessor);
        if orphans > 0 {
            warn!(keys = orphans, "some keys have a lease that does not exist; they will not expire");
        }
        if !records.is_empty() {
            info!(leases = records.len(), keys = self.attached, "restored leases");
        }
        Ok(())
    }

    /// Whether a put may name this lease.
    pub(crate) fn knows(&self, id: i64) -> bool {
        self.leases.lock().contains(LeaseId::new(id))
    }

    /// The keys that a lease holds.
    pub(crate) fn keys(&self, id: i64) -> Vec<Bytes> {
        self.leases.keys(LeaseId::new(id))
    }

    /// Follows the keys that an entry has put and deleted.
    pub(crate) fn follow(&mut self, events: &[Event]) {
        let lease = |event: &Event| event.kv.as_ref().map_or(0, |pair| pair.lease);
        if self.attached == 0 && events.iter().all(|event| lease(event) == 0) {
            return;
        }
        let mut lessor = self.leases.lock();
        for event in events {
            let Some(pair) = &event.kv else { continue };
            if pair.lease == 0 {
                lessor.detach(&pair.key);
            } else if !lessor.attach(&pair.key, LeaseId::new(pair.lease)) {
                warn!(lease_id = %LeaseId::new(pair.lease), "a key keeps a lease that does not exist");
            }
        }
        self.attached = lessor.attached();
    }

    pub(crate) fn grant(&self, txn: &mut WriteTxn<'_>, request: &LeaseGrantRequest) -> Outcome {
        self.leases.lock().grant(LeaseId::new(request.id), request.ttl)?;
        record::put(txn.batch(), request.id, request.ttl, 0);
        self.leases.0.stats.granted(request.ttl);
        Ok(Response::LeaseGrant(LeaseGrantResponse {
            header: header(txn),
            id: request.id,
            ttl: request.ttl,
            error: String::new(),
        }))
    }

    /// Deletes the lease and everything that it holds, in one revision; in the order of the keys, so that revisions
    /// are the same on every member.
    pub(crate) fn revoke(&mut self, txn: &mut WriteTxn<'_>, request: &LeaseRevokeRequest) -> Outcome {
        if !self.knows(request.id) {
            return Err(ApplyError::LeaseNotFound);
        }
        for key in self.keys(request.id) {
            let delete = DeleteRangeRequest { key, ..DeleteRangeRequest::default() };
            txn.delete_range(&delete)?;
        }
        record::delete(txn.batch(), request.id);
        let mut lessor = self.leases.lock();
        // It was there a moment ago, and only this thread removes leases.
        let _keys = lessor.revoke(LeaseId::new(request.id));
        self.attached = lessor.attached();
        drop(lessor);
        self.leases.0.stats.revoked();
        Ok(Response::LeaseRevoke(LeaseRevokeResponse { header: header(txn) }))
    }

    /// Leases that are gone by now are passed over.
    pub(crate) fn checkpoint(&self, txn: &mut WriteTxn<'_>, request: &LeaseCheckpointRequest) -> Outcome {
        let mut lessor = self.leases.lock();
        for checkpoint in &request.checkpoints {
            if let Some(ttl) = lessor.checkpoint(LeaseId::new(checkpoint.id), checkpoint.remaining_ttl) {
                record::put(txn.batch(), checkpoint.id, ttl, checkpoint.remaining_ttl);
            }
        }
        Ok(Response::Done)
    }
}

fn header(txn: &WriteTxn<'_>) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision: txn.revision(), ..ResponseHeader::default() })
}

impl From<GrantError> for ApplyError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Exists => Self::LeaseExists,
            GrantError::TooLong => Self::LeaseTtlTooLarge,
            _ => Self::LeaseNotFound,
        }
    }
}
