//! A log that Go etcd 3.4.23 wrote: one member, 25 puts of `k<n>` = `value<n>`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;

use common::{arc, dir, segments};
use etcd_proto::etcdserverpb::{InternalRaftRequest, PutRequest};
use etcd_proto::prost::Message as _;
use etcd_wal::sim::SimDisk;
use etcd_wal::{Disk as _, Metadata, Options, Wal};

const NAME: &str = "0000000000000000-0000000000000000.wal";
const CONTENT: &[u8] = include_bytes!("fixtures/etcd-3.4.23/0000000000000000-0000000000000000.wal");
const NODE: u64 = 0x6678_8015_7b88_12c8;
const CLUSTER: u64 = 0xdc50_b8da_ae93_b3e0;
const OPTIONS: Options = Options { segment_bytes: 8192, no_sync: false, max_wals: 2 };

fn disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.put(&dir().join(NAME), CONTENT).unwrap();
    disk
}

#[test]
fn its_entries_are_read() {
    let disk = disk();
    let (_, recovered) = Wal::open(arc(&disk), dir(), OPTIONS, 0).unwrap();
    assert_eq!(recovered.metadata, Metadata { node_id: NODE, cluster_id: CLUSTER });
    assert_eq!((recovered.mark.index, recovered.repaired), (0, None));
    let puts: Vec<PutRequest> = recovered
        .entries
        .iter()
        .filter(|entry| entry.r#type == 0)
        .filter_map(|entry| InternalRaftRequest::decode(entry.data.clone()).ok()?.put)
        .collect();
    assert_eq!(puts.len(), 25);
    for (n, put) in (1..).zip(&puts) {
        assert_eq!(
            (&put.key[..], &put.value[..]),
            (format!("k{n}").as_bytes(), format!("value{n}").as_bytes())
        );
    }
    let last = recovered.entries.last().unwrap();
    assert_eq!((recovered.hard_state.term, recovered.hard_state.vote), (last.term, NODE));
    assert_eq!(recovered.hard_state.commit, last.index);
}

#[test]
fn its_marks_are_used_although_they_have_no_configuration() {
    let disk = disk();
    let (_, recovered) = Wal::open(arc(&disk), dir(), OPTIONS, 25).unwrap();
    assert_eq!(recovered.mark.conf_state, None);
    assert!(recovered.mark.index > 10 && recovered.mark.index <= 25);
    assert_eq!(recovered.entries[0].index, recovered.mark.index + 1);
}

#[test]
fn it_can_be_continued() {
    let disk = disk();
    let (mut wal, before) = Wal::open(arc(&disk), dir(), OPTIONS, 0).unwrap();
    let (term, next) = (before.hard_state.term + 1, wal.last_index() + 1);
    for index in next..next + 100 {
        wal.append(&[common::entry(term, index, &[5; 100])], Some(&common::state(term, 1, index)), true)
            .unwrap();
    }
    drop(wal);
    assert!(segments(&disk).len() > 1);
    let (_, after) = Wal::open(arc(&disk), dir(), OPTIONS, 0).unwrap();
    assert_eq!(after.entries.len(), before.entries.len() + 100);
    assert_eq!(after.metadata, before.metadata);
    assert!(disk.list(dir()).unwrap().iter().all(|name| !name.ends_with(".broken")));
}
