//! Applies a small log to an empty state machine and shows what it came to.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use etcd_apply::{
    ClusterState, Envelope, Machine, MembershipChange, Observer, Options, Outcome, Reconfigure, Request,
};
use etcd_membership::{Cluster, ClusterId};
use etcd_proto::etcdserverpb::{PutRequest, RangeRequest};
use etcd_proto::raftpb::{ConfChange, ConfState, Entry};
use etcd_storage::Storage;

/// There is no Raft here: the log is given.
struct NoRaft;

impl Reconfigure for NoRaft {
    fn apply_conf_change(&mut self, _change: ConfChange) -> Result<ConfState, String> {
        Ok(ConfState::default())
    }
}

struct Printer;

impl Observer for Printer {
    fn applied(&mut self, id: u64, outcome: Outcome) {
        println!("request {id}: {outcome:?}");
    }

    fn membership_changed(&mut self, change: MembershipChange) {
        println!("membership: {change:?}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let storage = Storage::open(etcd_storage::Options::new(dir.path().join("db")))?;
    let cluster = ClusterState::new(Cluster::new(ClusterId::new(1), []));
    let mut machine = Machine::open(storage, cluster, Options::default())?;

    for (index, value) in (1..).zip(["one", "two", "three"]) {
        let put = PutRequest { key: "foo".into(), value: value.into(), ..PutRequest::default() };
        let data = Envelope { id: index, who: None, request: Request::Put(put) }.encode();
        let entry = Entry { term: 1, index, data, ..Entry::default() };
        machine.apply(&entry, &mut NoRaft, &mut Printer)?;
    }

    let (found, revision) =
        machine.store().range(&RangeRequest { key: "foo".into(), ..RangeRequest::default() })?;
    println!("at revision {revision}: {:?}", found.kvs);
    Ok(())
}
