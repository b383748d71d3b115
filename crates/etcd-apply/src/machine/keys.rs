//! Requests about keys and leases.

use etcd_mvcc::WriteTxn;
use etcd_proto::etcdserverpb::CompactionResponse;

use crate::envelope::Request;
use crate::leases::LeaseWriter;
use crate::outcome::{ApplyError, Outcome, Response};

/// Applies a request about keys and leases.
pub(super) fn apply_keys(txn: &mut WriteTxn<'_>, leases: &mut LeaseWriter, request: &Request) -> Outcome {
    match request {
        Request::Put(request) if request.lease != 0 && !leases.knows(request.lease) => {
            Err(ApplyError::LeaseNotFound)
        }
        Request::Put(request) => Ok(Response::Put(txn.put(request)?)),
        Request::DeleteRange(request) => Ok(Response::DeleteRange(txn.delete_range(request)?)),
        Request::Txn(request) => Ok(Response::Txn(txn.txn(request, &|id| leases.knows(id))?)),
        Request::Compaction(request) => {
            let progress = txn.compact(request.revision)?;
            Ok(Response::Compaction { response: CompactionResponse { header: None }, progress })
        }
        Request::LeaseGrant(request) => leases.grant(txn, request),
        Request::LeaseRevoke(request) => leases.revoke(txn, request),
        Request::LeaseCheckpoint(request) => leases.checkpoint(txn, request),
        Request::Alarm(_)
        | Request::Auth(_)
        | Request::V2(_)
        | Request::ClusterVersionSet(_)
        | Request::ClusterMemberAttrSet(_)
        | Request::DowngradeInfoSet(_) => Ok(Response::Done),
    }
}
