//! No acknowledged write is lost and no read is stale, whoever is killed and whenever.

mod counter;
mod ledger;

use etcd_it::{TestCluster, cluster, runtime, seeded, start};
use rand::Rng as _;
use rand::rngs::StdRng;

use counter::Counter;
use ledger::{Load, assert_nothing_lost};

const KILLS: usize = 21;
/// Every third kill is the leader's.
const LEADER_EVERY: usize = 3;

/// Elections are as quick as they are by default, so that many fit in a minute.
fn quick() -> TestCluster {
    start(cluster(3).argument("--election-timeout=1000").argument("--snapshot-count=500"))
}

#[test]
fn acknowledged_writes_outlive_twenty_kills() {
    let mut random = seeded();
    let (runtime, mut cluster) = (runtime(), quick());
    let urls = cluster.client_urls();
    let load = Load::start(&runtime, &urls);
    let counter = Counter::start(&runtime, &urls);

    let mut leaders_killed = 0;
    for kill in 0..KILLS {
        load.wait_for_progress(random.random_range(1..40));
        let victim = choose(&mut cluster, kill, &mut random, &mut leaders_killed);
        cluster.kill(victim).unwrap();
        // The other two go on, or it comes back in the middle of the election.
        if random.random_bool(0.7) {
            load.wait_for_progress(random.random_range(1..40));
        }
        cluster.start(victim).unwrap();
        // Now and then the next one is killed before this one is back.
        if random.random_bool(0.7) {
            cluster.wait_for_health(victim).unwrap();
        }
    }
    assert!(leaders_killed >= 5, "{leaders_killed} leaders were killed");
    load.wait_for_progress(40);
    counter.stop(&runtime);
    let acknowledged = load.stop(&runtime);
    cluster.equal_hashes(&runtime);
    assert_nothing_lost(&runtime, &urls, &acknowledged);
}

#[test]
fn acknowledged_writes_outlive_a_power_cut() {
    let mut random = seeded();
    let (runtime, mut cluster) = (runtime(), quick());
    let urls = cluster.client_urls();
    let load = Load::start(&runtime, &urls);
    for _ in 0..3 {
        load.wait_for_progress(random.random_range(20..200));
        let first = random.random_range(0..3);
        for index in (0..3).map(|offset| (first + offset) % 3) {
            cluster.kill(index).unwrap();
        }
        for index in 0..3 {
            cluster.start(index).unwrap();
        }
    }
    load.wait_for_progress(40);
    let acknowledged = load.stop(&runtime);
    cluster.equal_hashes(&runtime);
    assert_nothing_lost(&runtime, &urls, &acknowledged);
}

/// A running member: the leader when it is a leader's turn.
fn choose(cluster: &mut TestCluster, kill: usize, random: &mut StdRng, leaders_killed: &mut usize) -> usize {
    if kill.is_multiple_of(LEADER_EVERY) {
        *leaders_killed += 1;
        return cluster.wait_for_leader().unwrap();
    }
    random.random_range(0..3)
}
