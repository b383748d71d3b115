//! Whether whoever made an entry may do what it asks for, as things stand where it is in the log.

use bytes::Bytes;
use etcd_auth::{Accounts, AuthError, Identity};
use etcd_proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RequestOp, TxnRequest, request_op};

use super::AuthState;
use crate::envelope::{Envelope, Request};

/// Finds the keys that are attached to a lease; none for a lease that does not exist.
pub type LeaseKeys<'a> = &'a dyn Fn(i64) -> Vec<Bytes>;

impl AuthState {
    /// Checks a committed entry.
    ///
    /// # Source
    /// etcd `server/etcdserver/apply/auth.go`.
    pub(crate) fn permit(&self, envelope: &Envelope, lease_keys: LeaseKeys<'_>) -> Result<(), AuthError> {
        let accounts = self.0.load();
        if !accounts.is_enabled() {
            return Ok(());
        }
        let nobody = Identity::new("", 0);
        let check = Check { accounts: &accounts, who: envelope.who.as_ref().unwrap_or(&nobody), lease_keys };
        match &envelope.request {
            Request::Put(request) => check.put(request),
            Request::DeleteRange(request) => check.delete_range(request),
            Request::Txn(request) => check.txn(request),
            Request::LeaseRevoke(request) => check.lease(request.id),
            Request::Auth(request) if request.needs_admin() => check.accounts.may_administer(check.who),
            // What clients may not do at will is checked where it comes in; members do these by themselves too.
            Request::Auth(_)
            | Request::Alarm(_)
            | Request::V2(_)
            | Request::Compaction(_)
            | Request::LeaseGrant(_)
            | Request::LeaseCheckpoint(_)
            | Request::ClusterVersionSet(_)
            | Request::ClusterMemberAttrSet(_)
            | Request::DowngradeInfoSet(_) => Ok(()),
        }
    }

    /// Checks a transaction that is answered as a read.
    ///
    /// # Errors
    /// As [`Accounts::may_read`] and [`Accounts::may_write`].
    pub fn permit_txn(
        &self,
        who: &Identity,
        request: &TxnRequest,
        lease_keys: LeaseKeys<'_>,
    ) -> Result<(), AuthError> {
        Check { accounts: &self.0.load(), who, lease_keys }.txn(request)
    }

    /// Whether `who` may write everything that is attached to a lease, and so revoke it or attach to it.
    ///
    /// # Errors
    /// As [`Accounts::may_write`].
    pub fn permit_lease(
        &self,
        who: &Identity,
        lease: i64,
        lease_keys: LeaseKeys<'_>,
    ) -> Result<(), AuthError> {
        Check { accounts: &self.0.load(), who, lease_keys }.lease(lease)
    }
}

struct Check<'a> {
    accounts: &'a Accounts,
    who: &'a Identity,
    lease_keys: LeaseKeys<'a>,
}

impl Check<'_> {
    fn put(&self, request: &PutRequest) -> Result<(), AuthError> {
        self.accounts.may_write(self.who, &request.key, b"")?;
        // Who may not revoke a lease may not hang a key on it either.
        self.lease(request.lease)?;
        if request.prev_kv { self.accounts.may_read(self.who, &request.key, b"") } else { Ok(()) }
    }

    fn delete_range(&self, request: &DeleteRangeRequest) -> Result<(), AuthError> {
        let (key, range_end) = (&request.key, &request.range_end);
        self.accounts.may_write(self.who, key, range_end)?;
        if request.prev_kv { self.accounts.may_read(self.who, key, range_end) } else { Ok(()) }
    }

    /// Everything that a transaction may do is checked, whichever branch it takes.
    fn txn(&self, request: &TxnRequest) -> Result<(), AuthError> {
        for compare in &request.compare {
            self.accounts.may_read(self.who, &compare.key, &compare.range_end)?;
        }
        request.success.iter().chain(&request.failure).try_for_each(|op| self.op(op))
    }

    fn op(&self, op: &RequestOp) -> Result<(), AuthError> {
        match &op.request {
            Some(request_op::Request::RequestRange(request)) => {
                self.accounts.may_read(self.who, &request.key, &request.range_end)
            }
            Some(request_op::Request::RequestPut(request)) => self.put(request),
            Some(request_op::Request::RequestDeleteRange(request)) => self.delete_range(request),
            Some(request_op::Request::RequestTxn(request)) => self.txn(request),
            None => Ok(()),
        }
    }

    fn lease(&self, lease: i64) -> Result<(), AuthError> {
        if lease == 0 || self.accounts.may_administer(self.who).is_ok() {
            return Ok(());
        }
        let keys = (self.lease_keys)(lease);
        keys.iter().try_for_each(|key| self.accounts.may_write(self.who, key, b""))
    }
}
