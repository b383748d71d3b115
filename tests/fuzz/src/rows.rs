//! Rows of the database, as a file or a snapshot brings them, and a member that goes on with them.
//!
//! ```text
//! row: bucket u8, key length u8, value length u16 (little-endian), key, value
//! ```

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::time::Duration;

use etcd_apply::{
    ClusterState, Envelope, Fatal, Machine, MembershipChange, Observer, Outcome, Reconfigure, Request,
};
use etcd_membership::{Change, Cluster, ClusterId, Member, MemberId};
use etcd_proto::etcdserverpb as pb;
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{ConfChange, ConfState, Entry, EntryType};
use etcd_storage::{Batch, Bucket, Storage};
use etcd_v2store::{Expiry, Limits, Store};

type Row<'a> = (u8, &'a [u8], &'a [u8]);

/// The rows in `data`; what is left over at the end is none.
fn parse(mut data: &[u8]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    while let Some(([bucket, key, low, high], rest)) = data.split_first_chunk() {
        let Some((key, rest)) = rest.split_at_checked(usize::from(*key)) else { break };
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let Some((value, rest)) = rest.split_at_checked(length) else { break };
        rows.push((*bucket, key, value));
        data = rest;
    }
    rows
}

fn write((bucket, key, value): Row<'_>, out: &mut Vec<u8>) {
    let length = u16::try_from(value.len()).expect("a short value").to_le_bytes();
    out.extend([bucket, u8::try_from(key.len()).expect("a short key")]);
    out.extend(length);
    out.extend(key);
    out.extend(value);
}

fn storage(directory: &Path) -> Storage {
    let mut options = etcd_storage::Options::new(directory.join("db"));
    options.no_sync = true;
    options.cache_bytes = 1 << 20;
    Storage::open(options).expect("a database")
}

fn open(storage: &Storage) -> Result<Machine, etcd_apply::OpenError> {
    let cluster = ClusterState::new(Cluster::new(ClusterId::new(7), []));
    Machine::open(storage.clone(), cluster, etcd_apply::Options::default())
}

/// A member that can open the rows can go on with them: it may refuse, or stop, and does not panic.
pub(crate) fn rows(data: &[u8]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let storage = storage(directory.path());
    let mut batch = Batch::new(0);
    for (bucket, key, value) in parse(data) {
        let bucket = Bucket::ALL[usize::from(bucket) % Bucket::ALL.len()];
        batch.put(bucket, key.to_vec(), value.to_vec());
    }
    storage.write(batch).expect("rows are written");
    if let Ok(mut machine) = open(&storage) {
        read(&machine);
        if go_on(&mut machine).is_ok() {
            read(&machine);
        }
    }
    storage.close().expect("it is closed");
}

fn read(machine: &Machine) {
    let everything = pb::RangeRequest { key: "\0".into(), range_end: "\0".into(), ..Default::default() };
    if let Ok((answer, revision)) = machine.store().range(&everything) {
        assert_eq!(answer.count, answer.kvs.len() as i64, "what is counted is there");
        assert!(revision >= 1, "there is no revision {revision}");
    }
    let _hash = machine.store().hash_kv(0);
    let _listed = machine.v2().view().get("/", true).map(|event| event.to_json(0));
    let leases = machine.leases();
    let ids = leases.lock().list(Duration::ZERO);
    assert_eq!(ids.len(), leases.lock().len(), "every lease is listed");
    let accounts = machine.auth().get();
    for user in accounts.users() {
        let who = etcd_auth::Identity::new(user.name.as_str(), accounts.revision());
        let _may = (accounts.may_read(&who, b"a", b"z"), accounts.may_administer(&who));
    }
    let (_alarms, _target) = (machine.alarms().get(), machine.downgrade().get().target());
}

/// What comes next in the log, one request of each kind.
fn go_on(machine: &mut Machine) -> Result<(), Fatal> {
    let held = machine.leases().lock().list(Duration::ZERO);
    machine.leases().lock().promote(Duration::ZERO, Duration::from_secs(1));
    let _due = machine.leases().lock().due(Duration::from_secs(100), 10);
    let revokes = held.iter().take(3).map(|id| Request::LeaseRevoke(pb::LeaseRevokeRequest { id: id.get() }));
    let revision = machine.store().revision();
    let compaction = Request::Compaction(pb::CompactionRequest { revision, physical: false });
    for request in requests().into_iter().chain(revokes).chain([compaction]) {
        apply(machine, request)?;
    }
    change_membership(machine, 7)
}

fn requests() -> Vec<Request> {
    let put = |key: &'static str, lease| {
        let request = pb::PutRequest { key: key.into(), value: "value".into(), lease, ..Default::default() };
        Request::Put(request)
    };
    let delete = pb::DeleteRangeRequest { key: "a".into(), range_end: "c".into(), prev_kv: true };
    let v2 = pb::Request {
        method: "PUT".to_owned(),
        path: "/1/a/b".to_owned(),
        val: "value".to_owned(),
        expiration: 1 << 60,
        ..Default::default()
    };
    let sync = pb::Request { method: "SYNC".to_owned(), time: i64::MAX, ..Default::default() };
    let alarm = pb::AlarmRequest {
        action: pb::alarm_request::AlarmAction::Activate.into(),
        member_id: 7,
        alarm: pb::AlarmType::Nospace.into(),
    };
    vec![
        Request::LeaseGrant(pb::LeaseGrantRequest { id: 7, ttl: 60 }),
        put("a", 7),
        put("b", 0),
        put("a", 0),
        put("c", 0),
        Request::DeleteRange(delete),
        Request::V2(Box::new(v2)),
        Request::V2(Box::new(sync)),
        Request::Alarm(alarm),
    ]
}

fn apply(machine: &mut Machine, request: Request) -> Result<(), Fatal> {
    let index = machine.applied() + 1;
    let data = Envelope { id: index, who: None, request }.encode();
    machine.apply(&Entry { term: 1, index, data, ..Entry::default() }, &mut Voters, &mut Nobody)
}

fn change_membership(machine: &mut Machine, id: u64) -> Result<(), Fatal> {
    let member = Member {
        id: MemberId::new(id),
        peer_urls: vec!["http://127.0.0.1:2380".to_owned()],
        is_learner: false,
        name: "a".to_owned(),
        client_urls: Vec::new(),
    };
    let change = Change::Add(member);
    let (kind, context) = change.encode();
    let change = ConfChange { id, r#type: kind.to_wire(), node_id: id, context: context.into() };
    let (index, data) = (machine.applied() + 1, change.encode_to_vec().into());
    let entry = Entry { r#type: EntryType::EntryConfChange.into(), term: 1, index, data };
    machine.apply(&entry, &mut Voters, &mut Nobody)
}

/// Raft as far as the machine needs it.
struct Voters;

impl Reconfigure for Voters {
    fn apply_conf_change(&mut self, change: ConfChange) -> Result<ConfState, String> {
        Ok(ConfState { voters: vec![change.node_id], ..ConfState::default() })
    }
}

struct Nobody;

impl Observer for Nobody {
    fn applied(&mut self, _id: u64, _outcome: Outcome) {}
    fn membership_changed(&mut self, _change: MembershipChange) {}
}

/// The rows of a member that has done a little of everything.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let storage = storage(directory.path());
    let mut machine = open(&storage).expect("an empty database");
    change_membership(&mut machine, 9).expect("a member is added");
    let auth = [
        etcd_apply::AuthRequest::UserAdd(pb::AuthUserAddRequest {
            name: "ann".to_owned(),
            hashed_password: "aGFzaA==".to_owned(),
            ..Default::default()
        }),
        etcd_apply::AuthRequest::RoleAdd(pb::AuthRoleAddRequest { name: "r".to_owned() }),
    ];
    let auth = auth.map(Request::Auth);
    for request in requests().into_iter().chain(auth) {
        apply(&mut machine, request).expect("it is applied");
    }
    drop(machine);
    let mut bytes = Vec::new();
    for (number, bucket) in (0_u8..).zip(Bucket::ALL) {
        let each = |key: &[u8], value: &[u8]| {
            write((number, key, value), &mut bytes);
            ControlFlow::Continue(())
        };
        storage.range(bucket, Bound::Unbounded, Bound::Unbounded, each).expect("rows can be read");
    }
    storage.close().expect("it is closed");
    vec![bytes]
}

/// Small enough to be reached.
const LIMITS: Limits = Limits {
    nodes: 16,
    bytes: 1 << 10,
    depth: 4,
    path_bytes: 100,
    value_bytes: 100,
    history: 5,
    history_bytes: 1 << 10,
    watchers: 1,
};

/// What a store was built from, and the rows that it writes afterwards, build an equal store.
pub(crate) fn v2_rows(data: &[u8]) {
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> =
        parse(data).into_iter().map(|(_, key, value)| (key.to_vec(), value.to_vec())).collect();
    let Ok(mut store) = restore(&rows) else { return };
    for round in 0..3 {
        for change in store.take_changes() {
            match change.value {
                Some(value) => drop(rows.insert(change.key, value)),
                None => drop(rows.remove(&change.key)),
            }
        }
        let again = restore(&rows).expect("a store's rows build a store");
        assert_eq!((again.index(), again.nodes()), (store.index(), store.nodes()), "round {round}");
        assert_eq!(again.next_expiry(), store.next_expiry(), "round {round}");
        let [ours, theirs] =
            [&store, &again].map(|store| store.view().get("/", true).map(|all| all.to_json(0)));
        assert_eq!(ours, theirs, "round {round}");
        change_keys(&mut store, round);
    }
}

fn restore(rows: &BTreeMap<Vec<u8>, Vec<u8>>) -> Result<Store, etcd_v2store::RestoreError> {
    Store::restore(LIMITS, rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice())))
}

/// Some of these are refused.
fn change_keys(store: &mut Store, round: i64) {
    let _set = store.set("/a", false, "value", Expiry::at(round));
    let _made = store.create("/b/c", false, "", true, Expiry::NEVER);
    let _swapped = store.compare_and_swap("/a", "value", 0, "other", Expiry::NEVER);
    let _gone = store.delete("/b", true, true);
    let _ended = store.expire(i64::MAX - 1 + round.min(1));
}

pub(crate) fn v2_seeds() -> Vec<Vec<u8>> {
    let mut store = Store::new(LIMITS);
    let mut rows = BTreeMap::new();
    for (path, value) in [("/a", "1"), ("/b/c", "2"), ("/b/_d", "3"), ("/a", "4"), ("/e", "5"), ("/f", "6")] {
        store.set(path, false, value, Expiry::at(1 << 60)).expect("it is written");
    }
    store.delete("/e", false, false).expect("it is deleted");
    for change in store.take_changes() {
        match change.value {
            Some(value) => drop(rows.insert(change.key, value)),
            None => drop(rows.remove(&change.key)),
        }
    }
    let mut bytes = Vec::new();
    rows.iter().for_each(|(key, value)| write((0, key, value), &mut bytes));
    vec![bytes]
}
