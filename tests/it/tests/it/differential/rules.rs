//! Where etcd 3.7, whose level this server has, answers otherwise than the etcd 3.4 that it is compared with.

use etcd_proto::authpb::Permission;
use etcd_proto::etcdserverpb::range_request::SortTarget;
use etcd_proto::etcdserverpb::request_op::Request;
use etcd_proto::etcdserverpb::response_op::Response;
use etcd_proto::etcdserverpb::{self as pb, WatchCreateRequest, WatchResponse};
use tonic::Code;

use super::call::{Actor, Answer, Call, LIAR, Outcome};

/// Which of two is Go's etcd.
pub(super) const THEIRS: usize = 1;
/// How the two are called.
pub(super) const NAMES: [&str; 2] = ["ours", "theirs"];

const INVALID_SORT: (Code, &str) = (Code::InvalidArgument, "etcdserver: invalid sort option");
const DENIED: (Code, &str) = (Code::PermissionDenied, "etcdserver: permission denied");
const NO_NAME: (Code, &str) = (Code::InvalidArgument, "etcdserver: user name is empty");
const NO_KEY: &str = "etcdserver: key not found";
const NO_LEASE: &str = "etcdserver: requested lease not found";
const FUTURE: &str = "etcdserver: mvcc: required revision is a future revision";
const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
const NO_TOKEN: (Code, &str) = (Code::Unauthenticated, "etcdserver: invalid auth token");

/// Whether ours refuses, as it should, what etcd 3.4 would let pass: then only ours is asked.
///
/// # Errors
/// It refuses with another text than it should.
pub(super) fn is_refused_since(actor: Actor, call: &Call, ours: &Outcome) -> Result<bool, String> {
    let Err((code, text)) = ours else { return Ok(false) };
    let said = (*code, text.as_str());
    if said == INVALID_SORT {
        return if sorts(call).iter().any(|sort| !(0..=2).contains(&sort.0) || !(0..=4).contains(&sort.1)) {
            Ok(true)
        } else {
            Err("there is nothing wrong with how to sort".to_owned())
        };
    }
    if let Call::RoleGrant(request) = call {
        let no_range = |perm: &Permission| {
            perm.key.is_empty()
                || !perm.range_end.is_empty() && perm.range_end != "\0" && perm.range_end <= perm.key
        };
        match said {
            (Code::InvalidArgument, "etcdserver: permission not given") if request.perm.is_none() => {
                return Ok(true);
            }
            (Code::InvalidArgument, "etcdserver: invalid auth management") => {
                let is_right = request.perm.as_ref().is_some_and(no_range);
                return if is_right {
                    Ok(true)
                } else {
                    Err("there is nothing wrong with the permission".to_owned())
                };
            }
            _ => {}
        }
    }
    if ![DENIED, NO_NAME, NO_TOKEN].contains(&said) {
        return Ok(false);
    }
    let admins_only = match call {
        Call::Compact(_) | Call::HashKv(_) => true,
        Call::Txn(txn) if needs_more_since(txn) => false,
        Call::Grant(_) | Call::Revoke(_) | Call::TimeToLive(_) | Call::Leases(_) | Call::KeepAlive(_) => {
            false
        }
        _ => return Ok(false),
    };
    let is_right = match said {
        NO_TOKEN => actor == LIAR || actor != super::call::NOBODY,
        NO_NAME => actor != LIAR,
        _ => !admins_only || actor != "root",
    };
    if is_right { Ok(true) } else { Err(format!("{actor} is refused: {said:?}")) }
}

/// Order and target of every range that a call asks for.
fn sorts(call: &Call) -> Vec<(i32, i32)> {
    fn within(ops: &[pb::RequestOp], found: &mut Vec<(i32, i32)>) {
        for op in ops {
            match &op.request {
                Some(Request::RequestRange(range)) => found.push((range.sort_order, range.sort_target)),
                Some(Request::RequestTxn(txn)) => both(txn, found),
                _ => {}
            }
        }
    }
    fn both(txn: &pb::TxnRequest, found: &mut Vec<(i32, i32)>) {
        within(&txn.success, found);
        within(&txn.failure, found);
    }
    let mut found = Vec::new();
    match call {
        Call::Range(range) => found.push((range.sort_order, range.sort_target)),
        Call::Txn(txn) => both(txn, &mut found),
        _ => {}
    }
    found
}

/// What etcd 3.4 answers, with what later versions add.
pub(super) fn later(call: &Call, ours: &Outcome, mut theirs: Outcome) -> Outcome {
    // Later versions remember the hashes of compactions, and give the next one for an older revision.
    if let (Call::HashKv(asked), Ok(Answer::HashKv(answer)), Err((_, text))) = (call, ours, &theirs)
        && text == COMPACTED
        && (asked.revision..).contains(&answer.hash_revision)
    {
        return ours.clone();
    }
    match (call, &mut theirs) {
        (Call::HashKv(asked), Ok(Answer::HashKv(theirs))) => {
            let now = theirs.header.map_or(0, |header| header.revision);
            theirs.hash_revision = if asked.revision > 0 { asked.revision } else { now };
        }
        (Call::Range(asked), Ok(Answer::Range(theirs))) => without_leases(asked, theirs),
        (Call::Txn(asked), Ok(Answer::Txn(theirs))) => without_leases_within(asked, theirs),
        // Operations are now checked one after the other, and in each a lease before the key; 3.4 looked for the keys
        // of all puts first.
        (Call::Txn(_), Err((_, text))) if [NO_KEY, NO_LEASE].contains(&text.as_str()) => {
            if matches!(ours, Err((_, text)) if [NO_KEY, NO_LEASE, COMPACTED, FUTURE].contains(&text.as_str()))
            {
                return ours.clone();
            }
        }
        // The role root may do everything, and now says so.
        (Call::RoleGet(asked), Ok(Answer::RoleGet(theirs))) if asked.role == "root" => {
            theirs.perm = vec![Permission { perm_type: 2, key: "".into(), range_end: "\0".into() }];
        }
        _ => {}
    }
    theirs
}

/// Keys alone come from the index, which knows no leases.
fn without_leases(asked: &pb::RangeRequest, theirs: &mut pb::RangeResponse) {
    if asked.keys_only && asked.sort_target != SortTarget::Value as i32 {
        theirs.kvs.iter_mut().for_each(|pair| pair.lease = 0);
    }
}

fn without_leases_within(asked: &pb::TxnRequest, theirs: &mut pb::TxnResponse) {
    let asked = if theirs.succeeded { &asked.success } else { &asked.failure };
    for (asked, theirs) in asked.iter().zip(&mut theirs.responses) {
        match (&asked.request, &mut theirs.response) {
            (Some(Request::RequestRange(asked)), Some(Response::ResponseRange(theirs))) => {
                without_leases(asked, theirs);
            }
            (Some(Request::RequestTxn(asked)), Some(Response::ResponseTxn(theirs))) => {
                without_leases_within(asked, theirs);
            }
            _ => {}
        }
    }
}

/// Whether 3.4 does not look at all that the transaction needs: nested ones, and previous pairs of puts.
fn needs_more_since(txn: &pb::TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).any(|op| match &op.request {
        Some(Request::RequestPut(put)) => put.prev_kv,
        Some(Request::RequestTxn(_)) => true,
        _ => false,
    })
}

/// Whether ours refuses, as it should, a watcher that 3.4 would permit: of all keys from one on that may be read.
pub(super) fn is_watch_refused_since(ours: &WatchResponse, create: &WatchCreateRequest) -> bool {
    create.range_end == "\0" && ours.created && ours.canceled && ours.cancel_reason.ends_with(DENIED.1)
}

/// The answer of 3.4 to a creation, with the id that a later one names when it refuses.
pub(super) fn as_of_3_7(mut theirs: WatchResponse, create: &WatchCreateRequest) -> WatchResponse {
    if theirs.canceled && theirs.created && theirs.watch_id == create.watch_id {
        theirs.watch_id = -1;
    }
    theirs
}

/// That both answer a creation alike, but for reasons that 3.4 does not give.
pub(super) fn same_creation(answers: &[WatchResponse; 2], create: &WatchCreateRequest) -> Result<(), String> {
    let [ours, theirs] = answers;
    let mut expected = theirs.clone();
    if ours.canceled && theirs.canceled {
        expected.cancel_reason.clone_from(&ours.cancel_reason);
        if !is_right_reason(&ours.cancel_reason, &theirs.cancel_reason, create) {
            return Err(format!("reasons\n  ours   {ours:?}\n  theirs {theirs:?}"));
        }
    }
    if *ours == expected {
        return Ok(());
    }
    Err(format!("the answer to {create:?}\n  ours   {ours:?}\n  theirs {theirs:?}"))
}

fn is_right_reason(ours: &str, theirs: &str, _create: &WatchCreateRequest) -> bool {
    const REFUSALS: [&str; 3] = [DENIED.1, NO_NAME.1, NO_TOKEN.1];
    let is_refusal = |text: &str| REFUSALS.iter().any(|refusal| text.ends_with(refusal));
    ours == theirs || theirs.is_empty() || (theirs.ends_with(DENIED.1) && is_refusal(ours))
}
