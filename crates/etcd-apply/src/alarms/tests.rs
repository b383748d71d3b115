use etcd_proto::etcdserverpb::{CompactionRequest, DeleteRangeRequest, PutRequest};

use super::*;

fn op(request: request_op::Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn txn(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> Request {
    Request::Txn(TxnRequest { success, failure, ..TxnRequest::default() })
}

fn request(action: AlarmAction, member_id: u64, alarm: i32) -> AlarmRequest {
    AlarmRequest { action: action as i32, member_id, alarm }
}

const NOSPACE: i32 = AlarmType::Nospace as i32;
const CORRUPTED: i32 = AlarmType::Corrupt as i32;

#[test]
fn an_alarm_refuses_what_it_is_about_and_nothing_else() {
    let put = || op(request_op::Request::RequestPut(PutRequest::default()));
    let delete = || op(request_op::Request::RequestDeleteRange(DeleteRangeRequest::default()));
    let nested = |inner: Request| {
        let Request::Txn(inner) = inner else { unreachable!("it is a transaction") };
        txn(vec![], vec![op(request_op::Request::RequestTxn(inner))])
    };
    let v2 = |method: &str, path: &str, refresh| {
        let (method, path) = (method.to_owned(), path.to_owned());
        Request::V2(Box::new(etcd_proto::etcdserverpb::Request {
            method,
            path,
            refresh,
            ..Default::default()
        }))
    };
    // The request, whether a full member's alarm refuses it, whether the alarm about data does.
    let table = [
        (Request::Put(PutRequest::default()), true, true),
        (Request::DeleteRange(DeleteRangeRequest::default()), false, true),
        (Request::Compaction(CompactionRequest::default()), false, true),
        (txn(vec![delete()], vec![delete()]), false, true),
        (txn(vec![delete()], vec![put()]), true, true),
        (nested(txn(vec![put()], vec![])), true, true),
        (nested(txn(vec![delete()], vec![])), false, true),
        (Request::Alarm(AlarmRequest::default()), false, false),
        (v2("PUT", "/1/a", None), true, true),
        (v2("PUT", "/1/a", Some(true)), false, true),
        (v2("POST", "/1", Some(false)), true, true),
        (v2("DELETE", "/1/a", None), false, true),
        (v2("QGET", "/1/a", None), false, false),
        (v2("SYNC", "", None), false, false),
        (v2("PUT", "/0/members/8e9e05c52164694d/attributes", None), false, false),
    ];
    let batch = &mut Batch::new(1);
    let (calm, full, corrupt, both) =
        (AlarmState::default(), AlarmState::default(), AlarmState::default(), AlarmState::default());
    full.apply(&request(AlarmAction::Activate, 1, NOSPACE), batch);
    corrupt.apply(&request(AlarmAction::Activate, 1, CORRUPTED), batch);
    both.apply(&request(AlarmAction::Activate, 1, NOSPACE), batch);
    both.apply(&request(AlarmAction::Activate, 2, CORRUPTED), batch);
    for (request, by_space, by_corruption) in table {
        assert!(calm.refusal(&request).is_none(), "{request:?}");
        let no_space = matches!(full.refusal(&request), Some(ApplyError::NoSpace));
        assert_eq!((no_space, full.refusal(&request).is_some()), (by_space, by_space), "{request:?}");
        for alarms in [&corrupt, &both] {
            let refused = matches!(alarms.refusal(&request), Some(ApplyError::Corrupt));
            assert_eq!(refused, by_corruption, "{request:?}");
        }
    }
}

#[test]
fn raising_and_clearing_answer_as_etcd_does() {
    let alarms = AlarmState::default();
    let mut changes = 0;
    // Action, member, kind: what is answered, and how many rows the store changes.
    let mut step = |action, member, kind, want: &[(i32, u64)], rows: usize| {
        let mut batch = Batch::new(1);
        let answer = alarms.apply(&request(action, member, kind), &mut batch);
        changes += 1;
        let answer: Vec<Alarm> = answer.iter().map(|alarm| (alarm.alarm, alarm.member_id)).collect();
        assert_eq!((answer.as_slice(), batch.len()), (want, rows), "step {changes}");
    };
    step(AlarmAction::Activate, 7, AlarmType::None as i32, &[], 0);
    step(AlarmAction::Activate, 7, NOSPACE, &[(NOSPACE, 7)], 1);
    step(AlarmAction::Activate, 7, NOSPACE, &[(NOSPACE, 7)], 0);
    step(AlarmAction::Activate, 3, CORRUPTED, &[(CORRUPTED, 3)], 1);
    step(AlarmAction::Activate, 3, NOSPACE, &[(NOSPACE, 3)], 1);
    step(AlarmAction::Get, 0, 0, &[(NOSPACE, 3), (NOSPACE, 7), (CORRUPTED, 3)], 0);
    step(AlarmAction::Get, 0, NOSPACE, &[(NOSPACE, 3), (NOSPACE, 7)], 0);
    step(AlarmAction::Deactivate, 9, NOSPACE, &[], 0);
    step(AlarmAction::Deactivate, 7, NOSPACE, &[(NOSPACE, 7)], 1);
    step(AlarmAction::Deactivate, 7, NOSPACE, &[], 0);
    assert!(alarms.is_raised(3, AlarmType::Corrupt) && !alarms.is_raised(7, AlarmType::Nospace));
}
