//! What the tests share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcd_proto::raftpb::{ConfState, Entry, HardState};
use etcd_proto::walpb;
use etcd_wal::sim::SimDisk;
use etcd_wal::{Disk, Metadata, OpenError, Options, Recovered, Wal};

pub const DIR: &str = "/member/wal";
pub const METADATA: Metadata = Metadata { node_id: 0x8211_f1d0_f64f_3269, cluster_id: 0xef37_ad9d_c622_a7c4 };
pub const OPTIONS: Options = Options { segment_bytes: 4096, no_sync: false, max_wals: 2 };

pub fn dir() -> &'static Path {
    Path::new(DIR)
}

pub fn arc(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

pub fn create(disk: &SimDisk) -> Wal {
    Wal::create(arc(disk), dir(), METADATA, OPTIONS).unwrap()
}

pub fn open(disk: &SimDisk, at_or_before: u64) -> Result<(Wal, Recovered), OpenError> {
    Wal::open(arc(disk), dir(), OPTIONS, at_or_before)
}

/// The segments, oldest first.
pub fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let mut names = disk.list(dir()).unwrap();
    names.retain(|name| name.ends_with(".wal"));
    names.sort();
    names.iter().map(|name| dir().join(name)).collect()
}

pub fn entry(term: u64, index: u64, data: &[u8]) -> Entry {
    Entry { r#type: 0, term, index, data: data.to_vec().into() }
}

pub fn state(term: u64, vote: u64, commit: u64) -> HardState {
    HardState { term, vote, commit }
}

pub fn mark(index: u64, term: u64) -> walpb::Snapshot {
    let conf_state = (index > 0).then(|| ConfState { voters: vec![1, 2, 3], ..ConfState::default() });
    walpb::Snapshot { index, term, conf_state }
}
