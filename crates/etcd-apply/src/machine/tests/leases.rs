use etcd_lease::{LeaseId, TimeToLive};
use etcd_proto::etcdserverpb::{
    LeaseCheckpoint, LeaseCheckpointRequest, LeaseGrantRequest, LeaseRevokeRequest,
};
use etcd_proto::leasepb::Lease;

use super::*;

fn grant(id: i64, ttl: i64) -> Request {
    Request::LeaseGrant(LeaseGrantRequest { ttl, id })
}

fn revoke(id: i64) -> Request {
    Request::LeaseRevoke(LeaseRevokeRequest { id })
}

fn leased(key: &'static str, lease: i64) -> PutRequest {
    PutRequest { key: key.into(), value: "v".into(), lease, ..PutRequest::default() }
}

impl Fixture {
    fn held(&self, id: i64) -> Option<String> {
        let lessor = self.machine.leases().lock();
        let keys = lessor.keys(LeaseId::new(id))?;
        Some(keys.map(|key| String::from_utf8_lossy(key).into_owned()).collect::<Vec<_>>().join(" "))
    }

    fn stored(&self, id: i64) -> Option<Lease> {
        let row = self.machine.storage.get(Bucket::LEASE, &id.to_be_bytes()).unwrap()?;
        Some(Lease::decode(row).unwrap())
    }

    /// What a new leader would count from.
    fn left(&self, id: i64) -> Option<TimeToLive> {
        let mut lessor = self.machine.leases().lock();
        lessor.promote(std::time::Duration::ZERO, std::time::Duration::ZERO);
        let left = lessor.time_to_live(LeaseId::new(id), std::time::Duration::ZERO);
        lessor.demote();
        left
    }
}

#[test]
fn leases_are_granted_once_and_within_limits() {
    let mut fixture = Fixture::new();
    let outcome = fixture.request(1, grant(7, 60));
    assert!(matches!(&outcome, Ok(Response::LeaseGrant(granted)) if (granted.id, granted.ttl) == (7, 60)));
    for (request, expected) in [
        (grant(7, 1), "lease already exists"),
        (grant(0, 1), "requested lease not found"),
        (grant(8, etcd_lease::MAX_TTL + 1), "too large lease TTL"),
        (revoke(8), "requested lease not found"),
        (Request::Put(leased("a", 8)), "requested lease not found"),
    ] {
        let outcome = fixture.request(1, request);
        assert_eq!(outcome.err().map(|error| error.to_string()).as_deref(), Some(expected));
    }
    assert_eq!(fixture.stored(7), Some(Lease { id: 7, ttl: 60, remaining_ttl: 0 }));
    assert_eq!(fixture.machine.store().revision(), 1, "leases are no revisions");
    let stats = fixture.machine.leases().stats();
    assert_eq!((stats.granted, stats.revoked, stats.ttl_sum), (1, 0, 60));
    assert_eq!(stats.ttls[6], 1, "up to 64 seconds");
}

#[test]
fn a_revoked_lease_takes_its_keys_with_it_in_one_revision() {
    let mut fixture = Fixture::new();
    fixture.request(1, grant(7, 60)).unwrap();
    for key in ["b", "c", "a"] {
        fixture.request(1, Request::Put(leased(key, 7))).unwrap();
    }
    fixture.request(1, put("free", "v")).unwrap();
    fixture.request(1, put("b", "no lease any more")).unwrap();
    assert_eq!(fixture.held(7).as_deref(), Some("a c"));
    let before = fixture.machine.store().revision();
    let outcome = fixture.request(1, revoke(7));
    let Ok(Response::LeaseRevoke(revoked)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(revoked.header.unwrap().revision, before + 1);
    assert_eq!(fixture.machine.store().revision(), before + 1);
    let values = ["a", "b", "c", "free"].map(|key| fixture.value(key).is_some());
    assert_eq!(values, [false, true, false, true]);
    assert_eq!((fixture.held(7), fixture.stored(7)), (None, None));
    // One without keys is no revision.
    fixture.request(1, grant(8, 60)).unwrap();
    fixture.request(1, revoke(8)).unwrap();
    assert_eq!(fixture.machine.store().revision(), before + 1);
    assert_eq!(fixture.seen.leases, 4);
}

#[test]
fn transactions_attach_detach_and_keep_leases() {
    let mut fixture = Fixture::new();
    for id in [1, 2] {
        fixture.request(1, grant(id, 60)).unwrap();
    }
    let op = |request| RequestOp { request: Some(request) };
    let put_op = |request| op(request_op::Request::RequestPut(request));
    let txn = |success| Request::Txn(TxnRequest { success, ..TxnRequest::default() });
    fixture
        .request(1, txn(vec![put_op(leased("a", 1)), put_op(leased("b", 1)), put_op(leased("c", 2))]))
        .unwrap();
    assert_eq!((fixture.held(1).as_deref(), fixture.held(2).as_deref()), (Some("a b"), Some("c")));
    let keep = PutRequest { ignore_lease: true, ..leased("a", 0) };
    let delete = DeleteRangeRequest { key: "b".into(), ..DeleteRangeRequest::default() };
    let ops = vec![
        put_op(keep),
        op(request_op::Request::RequestDeleteRange(delete)),
        put_op(leased("c", 0)),
        put_op(leased("d", 2)),
    ];
    fixture.request(1, txn(ops)).unwrap();
    assert_eq!((fixture.held(1).as_deref(), fixture.held(2).as_deref()), (Some("a"), Some("d")));
    let refused = fixture.request(1, txn(vec![put_op(leased("e", 1)), put_op(leased("f", 3))]));
    assert!(matches!(refused, Err(ApplyError::LeaseNotFound)), "{refused:?}");
    assert_eq!(fixture.held(1).as_deref(), Some("a"), "a refused transaction attaches nothing");
}

#[test]
fn checkpoints_are_stored() {
    let mut fixture = Fixture::new();
    fixture.request(1, grant(7, 600)).unwrap();
    let checkpoints = [(7, 250), (9, 5)].map(|(id, remaining_ttl)| LeaseCheckpoint { id, remaining_ttl });
    let request = Request::LeaseCheckpoint(LeaseCheckpointRequest { checkpoints: checkpoints.to_vec() });
    fixture.request(1, request).unwrap();
    assert_eq!(fixture.stored(7), Some(Lease { id: 7, ttl: 600, remaining_ttl: 250 }));
    assert_eq!(fixture.stored(9), None);
    let fixture = fixture.reopen();
    assert_eq!(fixture.left(7), Some(TimeToLive { granted: 600, remaining: Some(250) }));
}

#[test]
fn leases_and_what_they_hold_survive_a_restart_and_a_snapshot() {
    let mut first = Fixture::new();
    for id in [-1, 5, 6] {
        first.request(1, grant(id, 60)).unwrap();
    }
    for (key, id) in [("a", 5), ("b", 5), ("c", -1), ("d", 5)] {
        first.request(1, Request::Put(leased(key, id))).unwrap();
    }
    first.request(1, put("b", "free")).unwrap();
    let delete = DeleteRangeRequest { key: "d".into(), ..DeleteRangeRequest::default() };
    first.request(1, Request::DeleteRange(delete)).unwrap();
    let compact = Request::Compaction(CompactionRequest { revision: 6, physical: true });
    first.request(1, compact).unwrap();
    first.request(1, revoke(6)).unwrap();
    let mut first = first.reopen();
    assert_eq!((first.held(5).as_deref(), first.held(-1).as_deref()), (Some("a"), Some("c")));
    assert_eq!(first.held(6), None);

    let mut bytes = Vec::new();
    first.machine.storage.snapshot().unwrap().write_to(&mut bytes).unwrap();
    let mut second = Fixture::new();
    second.request(1, grant(99, 60)).unwrap();
    let received = second.dir.path().join("received");
    etcd_storage::receive(&received, &mut bytes.as_slice()).unwrap();
    second.machine.storage.replace_with(&received).unwrap();
    second.machine.reload(first.machine.applied(), &mut second.seen).unwrap();
    assert_eq!((second.held(5).as_deref(), second.held(99)), (Some("a"), None));
    for fixture in [&mut first, &mut second] {
        fixture.request(2, revoke(5)).unwrap();
        assert_eq!(fixture.value("a"), None);
    }
    let hashes = [&first, &second].map(|fixture| fixture.machine.store().hash_kv(0).unwrap().hash);
    assert_eq!(hashes[0], hashes[1]);
}
