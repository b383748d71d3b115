//! What clients of a cluster see, while its members are killed, paused and started again, could have been one after the
//! other: every answer, with its revisions and pairs.
//!
//! `ETCD_IT_SEED=n` chooses what the clients ask and who is hurt; the scheduling is the machine's.

mod clients;
mod model;

use etcd_it::{Scratch, TestCluster, cluster, runtime, seeded, start};
use etcd_linearize::{Verdict, check};
use rand::Rng as _;
use rand::rngs::StdRng;

use clients::Clients;
use model::Store;

const FAULTS: usize = 6;
/// Steps of the search. A history needs some ten for each operation.
const BUDGET: usize = 1_000_000;

#[test]
fn answers_are_linearizable_while_members_are_killed_and_paused() {
    let mut random = seeded();
    let runtime = runtime();
    // Elections are as quick as they are by default: there are many of them.
    let mut cluster = start(cluster(3).argument("--election-timeout=1000").argument("--snapshot-count=300"));
    let clients = Clients::start(&runtime, &cluster.client_urls(), &mut random);
    for number in 0..FAULTS {
        clients.wait_for_answers(random.random_range(1..60));
        hurt(&mut cluster, &clients, number, &mut random);
    }
    clients.wait_for_answers(60);
    let history = clients.stop(&runtime);
    let operations = history.operations();
    let unknown = operations.iter().filter(|operation| operation.output.is_none()).count();
    eprintln!("{} operations, {unknown} of them with unknown outcome", operations.len());
    let (revision, _) = cluster.equal_hashes(&runtime);
    let log = runtime.block_on(clients::log(&cluster.client_urls()[random.random_range(0..3)], revision));
    let verdict = check(&Store { log }, &history, BUDGET);
    if verdict != Verdict::Linearizable {
        let scratch = Scratch::new();
        std::fs::write(scratch.join("history"), history.to_string()).unwrap();
        panic!("{verdict:?}; the history is in {}", scratch.join("history").display());
    }
}

/// Kills or pauses a member, every other time the leader, for as long as the others need for some answers.
fn hurt(cluster: &mut TestCluster, clients: &Clients, number: usize, random: &mut StdRng) {
    let victim =
        if number.is_multiple_of(2) { cluster.wait_for_leader().unwrap() } else { random.random_range(0..3) };
    let meanwhile = random.random_range(1..80);
    if random.random_bool(0.5) {
        cluster.pause(victim).unwrap();
        clients.wait_for_answers(meanwhile);
        cluster.resume(victim).unwrap();
    } else {
        cluster.kill(victim).unwrap();
        clients.wait_for_answers(meanwhile);
        cluster.start(victim).unwrap();
        cluster.wait_for_health(victim).unwrap();
    }
}
