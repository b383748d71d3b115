//! Transactions: which branches are taken, whether they may run, and how they run.

use bytes::Bytes;
use etcd_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::response_op::Response;
use etcd_proto::etcdserverpb::{
    Compare, PutRequest, RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};
use etcd_proto::mvccpb::KeyValue;
use std::cmp::Ordering;

use crate::index::Span;
use crate::range::header;
use crate::view::View;
use crate::write::WriteTxn;
use crate::{RangeError, WriteError};

/// Whether a transaction can change nothing, so that [`crate::Store::read_txn`] takes it without the log.
///
/// True if every operation of both branches is a range; a nested transaction counts as a change, as in etcd.
///
/// # Source
/// etcd `server/etcdserver/txn/txn.go` IsTxnReadonly.
pub fn is_read_only(request: &TxnRequest) -> bool {
    let mut ops = request.success.iter().chain(&request.failure);
    ops.all(|op| matches!(op.request, Some(Request::RequestRange(_))))
}

/// Which branch each transaction takes, outermost first, in the order in which they run. All are decided before any
/// runs.
pub(crate) type Path = Vec<bool>;

/// Decides the branches of `request` and of the transactions in the branches taken.
pub(crate) fn decide(view: &View<'_>, request: &TxnRequest, path: &mut Path) -> Result<(), RangeError> {
    let mut succeeded = true;
    for compare in &request.compare {
        if !holds(view, compare)? {
            succeeded = false;
            break;
        }
    }
    path.push(succeeded);
    for op in branch(request, succeeded) {
        if let Some(Request::RequestTxn(nested)) = &op.request {
            decide(view, nested, path)?;
        }
    }
    Ok(())
}

/// Checks every operation that will run against the state before the first one does.
pub(crate) fn check(
    view: &View<'_>,
    request: &TxnRequest,
    path: &mut impl Iterator<Item = bool>,
    has_lease: &dyn Fn(i64) -> bool,
) -> Result<(), WriteError> {
    for op in branch(request, path.next().unwrap_or(false)) {
        match &op.request {
            Some(Request::RequestRange(range)) => check_revision(view, range.revision)?,
            Some(Request::RequestPut(put)) if put.lease != 0 && !has_lease(put.lease) => {
                return Err(WriteError::LeaseNotFound);
            }
            Some(Request::RequestPut(put)) => check_put(view, put)?,
            Some(Request::RequestTxn(nested)) => check(view, nested, path, has_lease)?,
            Some(Request::RequestDeleteRange(_)) | None => {}
        }
    }
    Ok(())
}

/// A put that keeps the old value or lease needs an old pair.
pub(crate) fn check_put(view: &View<'_>, put: &PutRequest) -> Result<(), WriteError> {
    let needs_old = put.ignore_value || put.ignore_lease;
    if needs_old && view.inner.index.modified_at(&put.key, view.revision).is_none() {
        return Err(WriteError::KeyNotFound);
    }
    Ok(())
}

/// Runs a transaction without changes.
pub(crate) fn read(view: &View<'_>, request: &TxnRequest) -> Result<TxnResponse, RangeError> {
    let mut path = Path::new();
    decide(view, request, &mut path)?;
    match check(view, request, &mut path.iter().copied(), &|_| true) {
        Err(WriteError::Range(error)) => return Err(error),
        Err(WriteError::KeyNotFound | WriteError::LeaseNotFound) => {
            panic!("a read-only transaction has a put")
        }
        Ok(()) => {}
    }
    let mut response = run_reads(view, request, &mut path.into_iter())?;
    response.header = Some(header(view.revision));
    Ok(response)
}

fn run_reads(
    view: &View<'_>,
    request: &TxnRequest,
    path: &mut impl Iterator<Item = bool>,
) -> Result<TxnResponse, RangeError> {
    let succeeded = path.next().unwrap_or(false);
    let mut responses = Vec::new();
    for op in branch(request, succeeded) {
        let response = match &op.request {
            Some(Request::RequestRange(range)) => Some(Response::ResponseRange(view.range(range)?)),
            Some(Request::RequestTxn(nested)) => Some(Response::ResponseTxn(run_reads(view, nested, path)?)),
            Some(Request::RequestPut(_) | Request::RequestDeleteRange(_)) => {
                panic!("a read-only transaction has a change")
            }
            None => None,
        };
        responses.push(ResponseOp { response });
    }
    Ok(TxnResponse { header: Some(ResponseHeader::default()), succeeded, responses })
}

/// Runs the operations of the branches in `path`.
pub(crate) fn run(
    txn: &mut WriteTxn<'_>,
    request: &TxnRequest,
    path: &mut impl Iterator<Item = bool>,
) -> Result<TxnResponse, WriteError> {
    let succeeded = path.next().unwrap_or(false);
    let ops = branch(request, succeeded);
    let mut responses = Vec::with_capacity(ops.len());
    for op in ops {
        let response = match &op.request {
            Some(Request::RequestRange(range)) => Some(Response::ResponseRange(txn.range(range)?)),
            Some(Request::RequestPut(put)) => Some(Response::ResponsePut(txn.put(put)?)),
            Some(Request::RequestDeleteRange(delete)) => {
                Some(Response::ResponseDeleteRange(txn.delete_range(delete)?))
            }
            Some(Request::RequestTxn(nested)) => Some(Response::ResponseTxn(run(txn, nested, path)?)),
            None => None,
        };
        responses.push(ResponseOp { response });
    }
    Ok(TxnResponse { header: Some(ResponseHeader::default()), succeeded, responses })
}

fn branch(request: &TxnRequest, succeeded: bool) -> &[RequestOp] {
    if succeeded { &request.success } else { &request.failure }
}

/// # Source
/// etcd `server/etcdserver/txn/range.go` checkRange.
fn check_revision(view: &View<'_>, requested: i64) -> Result<(), RangeError> {
    if requested == 0 {
        Ok(())
    } else if requested > view.revision {
        Err(RangeError::FutureRevision)
    } else if requested < view.inner.compacted() {
        Err(RangeError::Compacted)
    } else {
        Ok(())
    }
}

/// Whether every key in the compare's range satisfies it. Where there is none, values never do, and the rest compares
/// with 0.
fn holds(view: &View<'_>, compare: &Compare) -> Result<bool, RangeError> {
    let span = Span::new(&compare.key, &compare.range_end);
    let target = CompareTarget::try_from(compare.target).ok();
    // Only these two need more than the index.
    let pairs = if matches!(target, Some(CompareTarget::Value | CompareTarget::Lease)) {
        view.pairs(span, view.revision, 0)?.0
    } else if let Span::Key(key) = span {
        return Ok(match view.inner.index.at(key, view.revision) {
            Some(found) => holds_for(
                compare,
                target,
                &KeyValue {
                    create_revision: found.created,
                    mod_revision: found.modified.main,
                    version: found.version,
                    ..KeyValue::default()
                },
            ),
            None => holds_for(compare, target, &KeyValue::default()),
        });
    } else {
        view.keys(span, view.revision, 0).0
    };
    if pairs.is_empty() {
        return Ok(target != Some(CompareTarget::Value) && holds_for(compare, target, &KeyValue::default()));
    }
    Ok(pairs.iter().all(|pair| holds_for(compare, target, pair)))
}

fn holds_for(compare: &Compare, target: Option<CompareTarget>, pair: &KeyValue) -> bool {
    // A number of another kind than the target counts as absent, and that as 0.
    let number =
        |of: fn(&TargetUnion) -> Option<i64>| compare.target_union.as_ref().and_then(of).unwrap_or(0);
    let ordering = match target {
        Some(CompareTarget::Value) => {
            let value = match &compare.target_union {
                Some(TargetUnion::Value(value)) => value.clone(),
                _ => Bytes::new(),
            };
            pair.value.cmp(&value)
        }
        Some(CompareTarget::Create) => pair.create_revision.cmp(&number(|union| match union {
            TargetUnion::CreateRevision(revision) => Some(*revision),
            _ => None,
        })),
        Some(CompareTarget::Mod) => pair.mod_revision.cmp(&number(|union| match union {
            TargetUnion::ModRevision(revision) => Some(*revision),
            _ => None,
        })),
        Some(CompareTarget::Version) => pair.version.cmp(&number(|union| match union {
            TargetUnion::Version(version) => Some(*version),
            _ => None,
        })),
        Some(CompareTarget::Lease) => pair.lease.cmp(&number(|union| match union {
            TargetUnion::Lease(lease) => Some(*lease),
            _ => None,
        })),
        None => Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => ordering.is_eq(),
        Ok(CompareResult::NotEqual) => ordering.is_ne(),
        Ok(CompareResult::Greater) => ordering.is_gt(),
        Ok(CompareResult::Less) => ordering.is_lt(),
        Err(_) => true,
    }
}
