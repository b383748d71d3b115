use etcd_membership::{Change, Cluster, ClusterId, Member, MemberId};
use etcd_proto::etcdserverpb::alarm_request::AlarmAction;
use etcd_proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmType, CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest,
    RequestOp, TxnRequest, request_op,
};
use etcd_proto::membershippb::{
    Attributes, ClusterMemberAttrSetRequest, ClusterVersionSetRequest, DowngradeInfoSetRequest,
};
use etcd_proto::prost::Message as _;

use super::*;
use crate::outcome::Outcome;

mod leases;

/// Stands for Raft: keeps the voters, as Raft would.
#[derive(Default)]
struct Voters(Vec<u64>);

impl Reconfigure for Voters {
    fn apply_conf_change(&mut self, change: ConfChange) -> Result<ConfState, String> {
        if change.node_id != 0 {
            self.0.retain(|id| *id != change.node_id);
            if change.r#type == 0 {
                self.0.push(change.node_id);
            }
        }
        Ok(ConfState { voters: self.0.clone(), ..ConfState::default() })
    }
}

#[derive(Default)]
struct Seen {
    outcomes: Vec<(u64, Outcome)>,
    changes: Vec<MembershipChange>,
    /// How often leases came or went.
    leases: usize,
}

impl Observer for Seen {
    fn applied(&mut self, id: u64, outcome: Outcome) {
        self.outcomes.push((id, outcome));
    }

    fn membership_changed(&mut self, change: MembershipChange) {
        self.changes.push(change);
    }

    fn leases_changed(&mut self) {
        self.leases += 1;
    }
}

struct Fixture {
    dir: tempfile::TempDir,
    cluster: ClusterState,
    machine: Machine,
    raft: Voters,
    seen: Seen,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (machine, cluster) = open(&dir);
        Self { dir, cluster, machine, raft: Voters::default(), seen: Seen::default() }
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), Fatal> {
        self.machine.apply(entry, &mut self.raft, &mut self.seen)
    }

    /// Proposes `request` under its index as id and returns its outcome.
    fn request(&mut self, term: u64, request: Request) -> Outcome {
        let index = self.machine.applied() + 1;
        let data = Envelope { id: index, who: None, request }.encode();
        self.apply(&Entry { term, index, data, ..Entry::default() }).unwrap();
        let (id, outcome) = self.seen.outcomes.pop().unwrap();
        assert_eq!(id, index);
        outcome
    }

    fn change(&mut self, change: &Change) -> Outcome {
        let index = self.machine.applied() + 1;
        self.apply(&change_entry(index, change)).unwrap();
        self.seen.outcomes.pop().unwrap().1
    }

    fn value(&self, key: &'static str) -> Option<Bytes> {
        let request = RangeRequest { key: key.into(), ..RangeRequest::default() };
        let (response, _) = self.machine.store().range(&request).unwrap();
        response.kvs.first().map(|pair| pair.value.clone())
    }

    /// Closes the storage in order, and opens everything again.
    fn reopen(self) -> Self {
        self.machine.storage.close().unwrap();
        let Self { dir, raft, .. } = self;
        let (machine, cluster) = open(&dir);
        Self { dir, cluster, machine, raft, seen: Seen::default() }
    }
}

fn open(dir: &tempfile::TempDir) -> (Machine, ClusterState) {
    let storage = Storage::open(etcd_storage::Options::new(dir.path().join("db"))).unwrap();
    let cluster = ClusterState::new(Cluster::new(ClusterId::new(7), []));
    let options = Options { max_learners: 1, ..Options::default() };
    (Machine::open(storage, cluster.clone(), options).unwrap(), cluster)
}

fn put(key: &'static str, value: &'static str) -> Request {
    Request::Put(PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() })
}

fn member(id: u64) -> Member {
    Member {
        id: MemberId::new(id),
        peer_urls: vec![format!("http://127.0.0.1:{id}")],
        is_learner: false,
        name: String::new(),
        client_urls: Vec::new(),
    }
}

fn change_entry(index: u64, change: &Change) -> Entry {
    let (kind, context) = change.encode();
    let change =
        ConfChange { id: index, r#type: kind.to_wire(), node_id: change.id().get(), context: context.into() };
    let r#type = EntryType::EntryConfChange as i32;
    Entry { r#type, term: 1, index, data: change.encode_to_vec().into() }
}

#[test]
fn keys_are_put_deleted_and_compacted() {
    let mut fixture = Fixture::new();
    assert!(matches!(fixture.request(1, put("foo", "bar")), Ok(Response::Put(_))));
    assert_eq!(fixture.value("foo"), Some("bar".into()));

    let delete = DeleteRangeRequest { key: "foo".into(), ..DeleteRangeRequest::default() };
    let outcome = fixture.request(1, Request::DeleteRange(delete));
    assert!(matches!(outcome, Ok(Response::DeleteRange(response)) if response.deleted == 1));
    assert_eq!(fixture.value("foo"), None);

    let compact = |revision| Request::Compaction(CompactionRequest { revision, physical: false });
    assert!(matches!(fixture.request(1, compact(2)), Ok(Response::Compaction { .. })));
    let again = fixture.request(1, compact(2));
    assert!(matches!(again, Err(ApplyError::Compact(CompactError::Compacted))), "{again:?}");
    let future = fixture.request(1, compact(99));
    assert!(matches!(future, Err(ApplyError::Compact(CompactError::FutureRevision))), "{future:?}");
}

#[test]
fn a_refused_request_changes_nothing_but_the_index() {
    let mut fixture = Fixture::new();
    let leased = PutRequest { key: "a".into(), lease: 1, ..PutRequest::default() };
    let keeping = PutRequest { key: "a".into(), ignore_value: true, ..PutRequest::default() };
    let nested = RequestOp { request: Some(request_op::Request::RequestPut(leased.clone())) };
    let txn = TxnRequest { success: vec![nested], ..TxnRequest::default() };
    for (request, expected) in [
        (Request::Put(leased), "requested lease not found"),
        (Request::Txn(txn), "requested lease not found"),
        (Request::Put(keeping), "write refused"),
    ] {
        let outcome = fixture.request(1, request);
        assert_eq!(outcome.err().map(|error| error.to_string()).as_deref(), Some(expected));
    }
    assert_eq!(fixture.machine.store().revision(), 1);
    assert_eq!(fixture.machine.applied(), 3);
}

#[test]
fn an_entry_is_applied_once_and_none_is_left_out() {
    let mut fixture = Fixture::new();
    fixture.request(1, put("foo", "bar")).unwrap();
    let again = Entry {
        index: 1,
        data: Envelope { id: 1, who: None, request: put("foo", "twice") }.encode(),
        ..Entry::default()
    };
    fixture.apply(&again).unwrap();
    assert_eq!(fixture.value("foo"), Some("bar".into()));
    assert!(fixture.seen.outcomes.is_empty());

    let gap = Entry { index: 3, ..again };
    assert!(matches!(fixture.apply(&gap), Err(Fatal::Gap { index: 3, applied: 1 })));
}

#[test]
fn an_empty_and_an_unknown_entry_only_count() {
    let mut fixture = Fixture::new();
    fixture.apply(&Entry { term: 1, index: 1, ..Entry::default() }).unwrap();
    // Field 3 of the whole message: a read, which does not go through the log.
    let unknown = Bytes::from_static(&[0x1a, 0x02, 0x0a, 0x00]);
    fixture.apply(&Entry { term: 1, index: 2, data: unknown, ..Entry::default() }).unwrap();
    assert_eq!((fixture.machine.applied(), fixture.machine.store().revision()), (2, 1));
    let malformed = Entry { term: 1, index: 3, data: Bytes::from_static(&[0xff]), ..Entry::default() };
    assert!(matches!(fixture.apply(&malformed), Err(Fatal::Malformed { index: 3, .. })));
}

#[test]
fn members_come_publish_themselves_and_go() {
    let mut fixture = Fixture::new();
    fixture.change(&Change::Add(member(1))).unwrap();
    fixture.change(&Change::Add(member(2))).unwrap();
    let attributes = Attributes { name: "infra1".into(), client_urls: vec!["http://127.0.0.1:9".into()] };
    let publish = ClusterMemberAttrSetRequest { member_id: 1, member_attributes: Some(attributes) };
    fixture.request(1, Request::ClusterMemberAttrSet(publish)).unwrap();
    fixture.request(1, Request::ClusterVersionSet(ClusterVersionSetRequest { ver: "3.7.0".into() })).unwrap();
    fixture.change(&Change::Remove(MemberId::new(2))).unwrap();
    assert_eq!(fixture.machine.conf_state().map(|state| state.voters.clone()), Some(vec![1]));
    let last = fixture.seen.changes.last();
    assert_eq!(last, Some(&MembershipChange::Removed(MemberId::new(2))));

    // All of it is found again.
    let fixture = fixture.reopen();
    let cluster = fixture.cluster.get();
    let names: Vec<&str> = cluster.members().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["infra1"]);
    assert!(cluster.is_removed(MemberId::new(2)));
    assert_eq!(cluster.version().map(|version| version.to_string()).as_deref(), Some("3.7.0"));
    assert_eq!(fixture.machine.conf_state().map(|state| state.voters.clone()), Some(vec![1]));
}

#[test]
fn a_change_that_breaks_a_rule_is_counted_by_raft_and_made_by_nobody() {
    let mut fixture = Fixture::new();
    fixture.change(&Change::Add(member(1))).unwrap();
    let outcome = fixture.change(&Change::Remove(MemberId::new(5)));
    assert!(
        matches!(outcome, Err(ApplyError::Membership(etcd_membership::ChangeError::IdNotFound))),
        "{outcome:?}"
    );
    assert_eq!(fixture.raft.0, [1]);
    assert_eq!(fixture.seen.changes.len(), 1);
}

#[test]
fn index_and_term_survive_with_the_data() {
    let mut fixture = Fixture::new();
    fixture.request(3, put("a", "1")).unwrap();
    fixture.request(5, put("a", "2")).unwrap();
    let fixture = fixture.reopen();
    assert_eq!((fixture.machine.applied(), fixture.machine.applied_term()), (2, 5));
    assert_eq!(fixture.value("a"), Some("2".into()));
}

#[test]
fn an_alarm_refuses_puts_until_it_is_cleared_and_survives_what_the_data_survive() {
    let alarm = |action, member_id| {
        Request::Alarm(AlarmRequest { action: action as i32, member_id, alarm: AlarmType::Nospace as i32 })
    };
    let mut first = Fixture::new();
    first.request(1, put("foo", "bar")).unwrap();
    let raised = first.request(1, alarm(AlarmAction::Activate, 7));
    assert!(matches!(raised, Ok(Response::Alarms(alarms)) if alarms.len() == 1));
    let refused = first.request(1, put("foo", "more"));
    assert!(matches!(refused, Err(ApplyError::NoSpace)), "{refused:?}");
    let downgrade = DowngradeInfoSetRequest { enabled: true, ver: "3.6.0".into() };
    first.request(1, Request::DowngradeInfoSet(downgrade)).unwrap();

    // A restart, and a member that gets the state as a snapshot.
    let first = first.reopen();
    let mut bytes = Vec::new();
    first.machine.storage.snapshot().unwrap().write_to(&mut bytes).unwrap();
    let mut second = Fixture::new();
    let received = second.dir.path().join("received");
    etcd_storage::receive(&received, &mut bytes.as_slice()).unwrap();
    second.machine.storage.replace_with(&received).unwrap();
    second.machine.reload(first.machine.applied(), &mut second.seen).unwrap();
    for mut fixture in [first, second] {
        assert_eq!(fixture.machine.alarms().get(), [AlarmMember { member_id: 7, alarm: 1 }]);
        assert_eq!(fixture.machine.downgrade().get().target().map(|to| to.short()).as_deref(), Some("3.6"));
        assert!(matches!(fixture.request(1, put("foo", "more")), Err(ApplyError::NoSpace)));
        let delete = DeleteRangeRequest { key: "foo".into(), ..DeleteRangeRequest::default() };
        fixture.request(1, Request::DeleteRange(delete)).unwrap();
        fixture.request(1, alarm(AlarmAction::Deactivate, 7)).unwrap();
        fixture.request(1, put("foo", "again")).unwrap();
        let fixture = fixture.reopen();
        assert!(fixture.machine.alarms().get().is_empty());
    }
}

#[test]
fn equal_logs_make_equal_states_and_a_snapshot_carries_one_over() {
    let mut first = Fixture::new();
    first.change(&Change::Add(member(1))).unwrap();
    for n in 0..50 {
        first.request(2, put(["a", "b", "c"][n % 3], "value")).unwrap();
    }
    let mut bytes = Vec::new();
    first.machine.storage.snapshot().unwrap().write_to(&mut bytes).unwrap();

    let mut second = Fixture::new();
    let received = second.dir.path().join("received");
    etcd_storage::receive(&received, &mut bytes.as_slice()).unwrap();
    second.machine.storage.replace_with(&received).unwrap();
    let index = first.machine.applied();
    second.machine.reload(index, &mut second.seen).unwrap();

    assert_eq!(second.seen.changes, [MembershipChange::Replaced]);
    assert_eq!((second.machine.applied(), second.machine.applied_term()), (index, 2));
    assert_eq!(second.cluster.members(), first.cluster.members());
    for fixture in [&mut first, &mut second] {
        fixture.request(2, put("d", "after")).unwrap();
    }
    let hashes = [&first, &second].map(|fixture| fixture.machine.store().hash_kv(0).unwrap().hash);
    assert_eq!(hashes[0], hashes[1]);
}
