//! What can be told of reads before they are made.

use etcd_proto::etcdserverpb::{RangeRequest, RequestOp, TxnRequest, request_op};

/// A range of more keys than this leaves the connection's thread, so that other requests on it do not wait.
const INLINE_KEYS: i64 = 256;

/// Whether the range may have many keys.
pub(super) fn is_long(request: &RangeRequest) -> bool {
    let one_key = request.range_end.is_empty();
    let bounded = request.limit > 0 && request.limit <= INLINE_KEYS;
    !one_key && (!bounded || request.sort_target != 0 || request.sort_order != 0)
}

/// Whether all ranges of a read-only transaction may be served from local data.
pub(super) fn is_serializable(txn: &TxnRequest) -> bool {
    ops(txn).all(|op| match &op.request {
        Some(request_op::Request::RequestRange(range)) => range.serializable,
        _ => false,
    })
}

/// The ranges of a transaction's own operations, of both branches.
pub(super) fn ranges(txn: &TxnRequest) -> impl Iterator<Item = &RangeRequest> {
    ops(txn).filter_map(|op| match &op.request {
        Some(request_op::Request::RequestRange(range)) => Some(range),
        _ => None,
    })
}

fn ops(txn: &TxnRequest) -> impl Iterator<Item = &RequestOp> {
    txn.success.iter().chain(&txn.failure)
}
