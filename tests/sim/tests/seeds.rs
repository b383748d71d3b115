//! Plays many seeds. `SIM_SEEDS=n` plays n, from `SIM_FIRST_SEED=n` on; `SIM_SEED=n` plays that one and prints what
//! happens.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const SEEDS: u64 = 2_000;

/// Three members for even seeds, five for odd ones.
fn members(seed: u64) -> u64 {
    3 + 2 * (seed % 2)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

#[test]
fn clusters_survive() {
    if let Some(seed) = number("SIM_SEED") {
        println!("seed {seed}: {:?}", etcd_sim::run(seed, members(seed), true));
        return;
    }
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let first = number("SIM_FIRST_SEED").unwrap_or(0);
    let next = AtomicU64::new(first);
    let [crashes, snapshots, applied] = [const { AtomicU64::new(0) }; 3];
    let failed: Vec<u64> = thread::scope(|scope| {
        let work = || {
            let mut failed = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + seeds {
                    return failed;
                }
                match catch_unwind(|| etcd_sim::run(seed, members(seed), false)) {
                    Ok(summary) => {
                        crashes.fetch_add(summary.crashes, Ordering::Relaxed);
                        snapshots.fetch_add(summary.snapshots, Ordering::Relaxed);
                        applied.fetch_add(summary.applied, Ordering::Relaxed);
                    }
                    Err(_) => {
                        println!("seed {seed} failed");
                        failed.push(seed);
                    }
                }
            }
        };
        let count = thread::available_parallelism().map_or(2, usize::from);
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    println!("{seeds} seeds: {crashes:?} crashes, {snapshots:?} snapshots, {applied:?} entries");
    assert!(
        failed.is_empty(),
        "{} seeds failed, replay with SIM_SEED={}: {failed:?}",
        failed.len(),
        failed[0]
    );
    assert!(
        seeds < 100 || (crashes.into_inner() > 0 && snapshots.into_inner() > 0),
        "the trouble was no trouble"
    );
}

#[test]
fn a_seed_plays_the_same_way_twice() {
    for seed in 0..8 {
        assert_eq!(
            etcd_sim::run(seed, members(seed), false),
            etcd_sim::run(seed, members(seed), false),
            "seed {seed}"
        );
    }
}
