//! Full TLS handshakes: how many a member makes, and what one costs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use etcd_testkit::{Cluster, Security, Usage};

use crate::compare;
use crate::connection::secure;
use crate::options::Handshakes;

/// Starts a member with an automatic certificate (ECDSA P-256), connects and hangs up.
pub(crate) fn run(options: &Handshakes) -> anyhow::Result<()> {
    let binary = compare::binary(options.binary.as_deref())?;
    let cluster = Cluster::builder(binary).security(vec![Security::Auto]).start()?;
    let member = cluster.member(0);
    let address = format!("127.0.0.1:{}", member.spec().client_port);
    let usage = || member.pid().and_then(Usage::read).context("the member has ended");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (before, started) = (usage()?, Instant::now());
    runtime.block_on(shake_all(&address, options))?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = usage()?.cpu_seconds - before.cpu_seconds;
    let total = options.total as f64;
    println!("{} handshakes in {seconds:.2} s: {:.0} a second", options.total, total / seconds);
    println!(
        "server CPU: {:.3} ms a handshake, {:.0} handshakes a CPU second",
        cpu * 1000.0 / total,
        total / cpu
    );
    Ok(())
}

async fn shake_all(address: &str, options: &Handshakes) -> anyhow::Result<()> {
    let left = Arc::new(AtomicU64::new(options.total));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..options.clients {
        let (left, address) = (Arc::clone(&left), address.to_owned());
        tasks.spawn(async move {
            let next = |left: u64| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok() {
                drop(secure(&address).await?);
            }
            anyhow::Ok(())
        });
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome??;
    }
    Ok(())
}
