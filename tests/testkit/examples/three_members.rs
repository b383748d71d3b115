//! Starts three members of the etcd that `ETCD_BIN` names, kills the leader, and sees the next one.
//!
//! `ETCD_BIN=/usr/bin/etcd cargo run -p etcd-testkit --example three_members`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use etcd_testkit::{Cluster, server_binary};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut cluster = Cluster::builder(server_binary()?).members(3).start()?;
    let first = cluster.wait_for_leader()?;
    println!("{} leads; killing it", cluster.member(first).spec().name);
    cluster.kill(first)?;
    let second = cluster.wait_for_leader()?;
    println!("{} leads now", cluster.member(second).spec().name);
    Ok(())
}
