//! `--quota-backend-bytes`: how large the database may get.

use etcd_apply::Request;
use etcd_proto::etcdserverpb::{PutRequest, RequestOp, TxnRequest, request_op};

/// etcd's default.
const DEFAULT: u64 = 2 << 30;

/// What a put costs beside its bytes.
const PUT_OVERHEAD: u64 = 256;

/// The size that one member's database may have.
///
/// The size is that of the whole file, free pages included, as etcd counts it: the quota is about the disk.
///
/// # Source
/// etcd `server/storage/quota.go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    flag: i64,
}

impl Quota {
    /// `flag` is the flag's value: 0 means etcd's default, a negative one no quota.
    pub(crate) const fn new(flag: i64) -> Self {
        Self { flag }
    }

    /// The quota in bytes; none means that there is none.
    pub(crate) fn limit(self) -> Option<u64> {
        match u64::try_from(self.flag) {
            Ok(0) => Some(DEFAULT),
            Ok(bytes) => Some(bytes),
            Err(_negative) => None,
        }
    }

    /// As `Status` reports it: negative for none.
    pub(crate) fn reported(self) -> i64 {
        self.limit().map_or(self.flag, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
    }

    /// Whether a database of `size` bytes takes the request. What needs no space is always taken.
    pub(crate) fn admits(self, size: u64, request: &Request) -> bool {
        let Some(limit) = self.limit() else { return true };
        // Far from the limit, the cost does not matter: no request comes near it.
        match cost(request) {
            0 => true,
            cost => size.saturating_add(cost) < limit,
        }
    }

    /// Whether a database of `size` bytes is full.
    pub(crate) fn is_full(self, size: u64) -> bool {
        self.limit().is_some_and(|limit| size.saturating_add(PUT_OVERHEAD) >= limit)
    }

    /// Whether it has room again: a tenth less than full, so that an alarm does not come and go.
    pub(crate) fn has_room(self, size: u64) -> bool {
        self.limit().is_none_or(|limit| size < limit - limit / 10)
    }

    /// Whether a database of `size` bytes, of which `in_use` hold rows, is near its limit and would have room again if
    /// it were written anew.
    pub(crate) fn is_worth_defragmenting(self, size: u64, in_use: u64) -> bool {
        // Rows need about a third more than their bytes.
        let after = in_use.saturating_add(in_use / 3);
        !self.has_room(size) && self.has_room(after) && after < size - size / 4
    }
}

/// About how many bytes the request adds; 0 for one that adds none.
///
/// Of a transaction's branches the larger one counts, and of a nested one, which etcd leaves out, too.
fn cost(request: &Request) -> u64 {
    match request {
        Request::Put(put) => cost_of_put(put),
        Request::Txn(txn) => cost_of_txn(txn),
        Request::LeaseGrant(_) => LEASE_OVERHEAD,
        Request::V2(v2) if request.needs_space() => PUT_OVERHEAD + v2.path.len() as u64 + v2.val.len() as u64,
        _ => 0,
    }
}

/// Source: etcd `server/storage/quota.go` `leaseOverhead`.
const LEASE_OVERHEAD: u64 = 64;

fn cost_of_put(put: &PutRequest) -> u64 {
    PUT_OVERHEAD + put.key.len() as u64 + put.value.len() as u64
}

fn cost_of_txn(txn: &TxnRequest) -> u64 {
    let branch = |ops: &[RequestOp]| {
        ops.iter().fold(0, |sum, op| {
            sum + match &op.request {
                Some(request_op::Request::RequestPut(put)) => cost_of_put(put),
                Some(request_op::Request::RequestTxn(nested)) => cost_of_txn(nested),
                _ => 0,
            }
        })
    };
    branch(&txn.success).max(branch(&txn.failure))
}

#[cfg(test)]
mod tests {
    use etcd_proto::etcdserverpb::{CompactionRequest, DeleteRangeRequest};

    use super::*;

    fn put(key: &'static str, value: &'static str) -> PutRequest {
        PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
    }

    fn op(put: PutRequest) -> RequestOp {
        RequestOp { request: Some(request_op::Request::RequestPut(put)) }
    }

    #[test]
    fn what_needs_no_space_is_taken_whatever_the_size() {
        let delete = RequestOp {
            request: Some(request_op::Request::RequestDeleteRange(DeleteRangeRequest::default())),
        };
        let free = TxnRequest { success: vec![delete], ..TxnRequest::default() };
        let paid = TxnRequest { success: vec![op(put("a", "b"))], ..free.clone() };
        let nested = TxnRequest {
            failure: vec![RequestOp { request: Some(request_op::Request::RequestTxn(paid.clone())) }],
            ..TxnRequest::default()
        };
        let two = TxnRequest { failure: vec![op(put("a", "b")), op(put("a", "b"))], ..paid.clone() };
        let table = [
            (Request::Put(put("a", "bc")), 259),
            (Request::DeleteRange(DeleteRangeRequest::default()), 0),
            (Request::Compaction(CompactionRequest::default()), 0),
            (Request::Txn(free), 0),
            (Request::Txn(paid), 258),
            (Request::Txn(nested), 258),
            (Request::Txn(two), 516),
        ];
        for (request, want) in table {
            assert_eq!(cost(&request), want, "{request:?}");
            let quota = Quota::new(10_000);
            assert_eq!(quota.admits(1 << 40, &request), want == 0, "{request:?}");
            assert!(quota.admits(10_000 - want - 1, &request), "{request:?}");
            assert_eq!(quota.admits(10_000 - want, &request), want == 0, "{request:?}");
            assert!(Quota::new(-1).admits(u64::MAX, &request));
        }
    }

    #[test]
    fn the_flag_means_what_it_means_in_etcd() {
        for (flag, limit, reported) in [(0, Some(2 << 30), 2 << 30), (7, Some(7), 7), (-1, None, -1)] {
            let quota = Quota::new(flag);
            assert_eq!((quota.limit(), quota.reported()), (limit, reported));
        }
        let quota = Quota::new(1000);
        let states: Vec<_> = [0, 743, 744, 899, 900, 1000]
            .iter()
            .map(|size| (quota.is_full(*size), quota.has_room(*size)))
            .collect();
        assert_eq!(
            states,
            [(false, true), (false, true), (true, true), (true, true), (true, false), (true, false)]
        );
        let worth = |size, in_use| quota.is_worth_defragmenting(size, in_use);
        assert!(worth(1000, 100) && worth(1000, 500), "much is free");
        assert!(
            !worth(1000, 700) && !worth(800, 100) && !worth(2000, 1400),
            "little is free, or there is room"
        );
        assert!(!Quota::new(-1).is_full(u64::MAX) && Quota::new(-1).has_room(u64::MAX));
    }
}
