//! Creates a log in a new temporary directory, appends to it, reopens it, and prints what is in it.
//!
//! `cargo run -p etcd-wal --example log`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use etcd_proto::raftpb::{ConfState, Entry, HardState};
use etcd_proto::walpb;
use etcd_wal::{Dump, FsDisk, Metadata, Options, Wal};

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let dir = temporary.path().join("wal");
    let disk = Arc::new(FsDisk);

    let mut wal =
        Wal::create(disk.clone(), &dir, Metadata { node_id: 1, cluster_id: 2 }, Options::default())?;
    for index in 1..=5 {
        let entry = Entry { r#type: 0, term: 1, index, data: format!("entry {index}").into() };
        let written = wal.append(&[entry], Some(&HardState { term: 1, vote: 1, commit: index }), true)?;
        println!("appended {index}: {written:?}");
    }
    // The storage holds everything up to 3 now.
    let conf_state = Some(ConfState { voters: vec![1], ..ConfState::default() });
    wal.save_mark(&walpb::Snapshot { index: 3, term: 1, conf_state })?;
    drop(wal);

    let (wal, recovered) = Wal::open(disk.clone(), &dir, Options::default(), 3)?;
    println!("reopened at {}, {} entries follow", recovered.mark.index, recovered.entries.len());
    drop(wal);

    for item in Dump::open(&*disk, &dir)? {
        let (path, located) = item?;
        println!("{}+{}: {:?}", path.display(), located.offset, located.record);
    }
    Ok(())
}
