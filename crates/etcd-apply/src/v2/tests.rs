use etcd_membership::{Change, Cluster, ClusterId, Member};
use etcd_proto::prost::Message as _;
use etcd_proto::raftpb::{ConfChange, ConfState, Entry, EntryType};

use super::*;
use crate::{ApplyError, Envelope, Machine, MembershipChange, Observer, Options, Reconfigure};

struct Alone;

impl Reconfigure for Alone {
    fn apply_conf_change(&mut self, _change: ConfChange) -> Result<ConfState, String> {
        Ok(ConfState::default())
    }
}

#[derive(Default)]
struct Last(Option<Outcome>);

impl Observer for Last {
    fn applied(&mut self, _id: u64, outcome: Outcome) {
        self.0 = Some(outcome);
    }

    fn membership_changed(&mut self, _change: MembershipChange) {}
}

struct Fixture {
    dir: tempfile::TempDir,
    storage: Storage,
    machine: Machine,
    cluster: ClusterState,
    last: Last,
}

impl Fixture {
    fn new() -> Self {
        Self::in_directory(tempfile::tempdir().unwrap())
    }

    fn in_directory(dir: tempfile::TempDir) -> Self {
        let storage = Storage::open(etcd_storage::Options::new(dir.path().join("db"))).unwrap();
        let cluster = ClusterState::new(Cluster::new(ClusterId::new(7), []));
        let machine = Machine::open(storage.clone(), cluster.clone(), Options::default()).unwrap();
        Self { dir, storage, machine, cluster, last: Last::default() }
    }

    fn apply(&mut self, entry: Entry) -> Outcome {
        let entry = Entry { term: 1, index: self.machine.applied() + 1, ..entry };
        self.machine.apply(&entry, &mut Alone, &mut self.last).unwrap();
        self.last.0.take().unwrap()
    }

    fn request(&mut self, request: Request) -> Outcome {
        let data = Envelope { id: 5, who: None, request: crate::Request::V2(Box::new(request)) }.encode();
        self.apply(Entry { data, ..Entry::default() })
    }

    fn json(&mut self, request: Request) -> String {
        match self.request(request) {
            Ok(Response::V2(event)) => event.to_json(0),
            Err(ApplyError::V2(error)) => error.to_json(),
            other => panic!("{other:?}"),
        }
    }

    fn reopen(self) -> Self {
        let Self { dir, storage, machine, .. } = self;
        storage.close().unwrap();
        drop((storage, machine));
        Self::in_directory(dir)
    }

    fn all(&self) -> String {
        self.machine.v2().view().get("/", true).unwrap().to_json(0)
    }
}

fn request(method: &str, path: &str, val: &str) -> Request {
    Request { method: method.into(), path: path.into(), val: val.into(), ..Request::default() }
}

#[test]
fn requests_do_what_their_fields_say() {
    let mut fixture = Fixture::new();
    let put = || request("PUT", "/1/a", "1");
    let cases = [
        (
            Request { prev_exist: Some(true), ..put() },
            r#"{"errorCode":100,"message":"Key not found","cause":"/a","index":3}"#,
        ),
        (
            Request { prev_exist: Some(false), ..put() },
            r#"{"action":"create","node":{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}}"#,
        ),
        (
            Request { prev_exist: Some(false), ..put() },
            r#"{"errorCode":105,"message":"Key already exists","cause":"/a","index":4}"#,
        ),
        (
            Request { prev_exist: Some(true), ..put() },
            r#"{"action":"update","node":{"key":"/a","value":"1","modifiedIndex":5,"createdIndex":4},"prevNode":{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}}"#,
        ),
        (
            Request { prev_index: 4, ..put() },
            r#"{"errorCode":101,"message":"Compare failed","cause":"[4 != 5]","index":5}"#,
        ),
        (
            Request { prev_exist: Some(true), prev_value: "1".into(), ..put() },
            r#"{"action":"compareAndSwap","node":{"key":"/a","value":"1","modifiedIndex":6,"createdIndex":4},"prevNode":{"key":"/a","value":"1","modifiedIndex":5,"createdIndex":4}}"#,
        ),
        (
            put(),
            r#"{"action":"set","node":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7},"prevNode":{"key":"/a","value":"1","modifiedIndex":6,"createdIndex":4}}"#,
        ),
        (
            request("QGET", "/1/a", ""),
            r#"{"action":"get","node":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}"#,
        ),
        (
            request("POST", "/1/q", "x"),
            r#"{"action":"create","node":{"key":"/q/00000000000000000008","value":"x","modifiedIndex":8,"createdIndex":8}}"#,
        ),
        (
            Request { prev_value: "1".into(), ..request("DELETE", "/1/a", "") },
            r#"{"action":"compareAndDelete","node":{"key":"/a","modifiedIndex":9,"createdIndex":7},"prevNode":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}"#,
        ),
        (
            Request { recursive: true, ..request("DELETE", "/1/q", "") },
            r#"{"action":"delete","node":{"key":"/q","dir":true,"modifiedIndex":10,"createdIndex":8},"prevNode":{"key":"/q","dir":true,"modifiedIndex":8,"createdIndex":8}}"#,
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(fixture.json(request), expected);
    }
}

#[test]
fn keys_survive_a_restart_and_travel_in_a_snapshot() {
    let mut first = Fixture::new();
    for n in 0..20 {
        first.json(request("PUT", &format!("/1/dir/{}", n % 7), "value"));
    }
    first.json(Request { expiration: i64::MAX, ..request("PUT", "/1/leaves", "") });
    first.json(request("DELETE", "/1/dir/3", ""));
    let mut first = first.reopen();
    assert_eq!(first.machine.v2().view().index(), 25);
    assert!(first.all().contains("/dir/4") && !first.all().contains("/dir/3"), "{}", first.all());

    let mut bytes = Vec::new();
    first.storage.snapshot().unwrap().write_to(&mut bytes).unwrap();
    let mut second = Fixture::new();
    let received = second.dir.path().join("received");
    etcd_storage::receive(&received, &mut bytes.as_slice()).unwrap();
    second.storage.replace_with(&received).unwrap();
    let (sender, seen) = std::sync::mpsc::channel();
    let sink = Box::new(move |event: &Arc<etcd_v2store::Event>| sender.send(event.index()).is_ok());
    let options = WatchOptions { recursive: true, ..WatchOptions::default() };
    second.machine.v2().watch("/dir", options, sink).unwrap();
    second.machine.reload(first.machine.applied(), &mut second.last).unwrap();
    assert_eq!((second.all(), seen.try_iter().collect::<Vec<_>>()), (first.all(), vec![4]));
    assert_eq!(second.machine.v2().next_expiry(), Some(i64::MAX));
    for fixture in [&mut first, &mut second] {
        fixture.request(Request { time: i64::MAX, ..request("SYNC", "", "") }).unwrap();
    }
    assert_eq!(second.all(), first.all());
    assert!(!first.all().contains("leaves"));
}

#[test]
fn members_of_old_versions_publish_themselves_through_v2_requests() {
    let mut fixture = Fixture::new();
    let member = Member {
        id: MemberId::new(0xabc),
        peer_urls: vec!["http://127.0.0.1:1".into()],
        is_learner: false,
        name: String::new(),
        client_urls: Vec::new(),
    };
    let (kind, context) = Change::Add(member).encode();
    let change = ConfChange { id: 9, r#type: kind.to_wire(), node_id: 0xabc, context: context.into() };
    let r#type = EntryType::EntryConfChange as i32;
    let _members =
        fixture.apply(Entry { r#type, data: change.encode_to_vec().into(), ..Entry::default() }).unwrap();

    let attributes = r#"{"name":"old","clientURLs":["http://127.0.0.1:2"]}"#;
    let bare = Request { id: 3, ..request("PUT", "/0/members/abc/attributes", attributes) };
    fixture.apply(Entry { data: bare.encode_to_vec().into(), ..Entry::default() }).unwrap();
    fixture.request(request("PUT", "/0/version", "3.4.0")).unwrap();
    fixture.request(request("PUT", "/0/members/zz/attributes", "no json")).unwrap();
    let member = fixture.cluster.members().remove(0);
    assert_eq!((member.name.as_str(), member.client_urls.len()), ("old", 1));
    assert_eq!(fixture.cluster.get().version().map(|v| v.to_string()).as_deref(), Some("3.4.0"));
    assert_eq!(fixture.machine.v2().view().index(), 3, "none of it is a key");
}
