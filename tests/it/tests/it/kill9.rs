//! No acknowledged write is lost, whoever is killed and whenever.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, GetOptions};
use etcd_it::{DEADLINE, TestCluster, cluster, runtime, seeded, start};
use etcd_testkit::wait_until;
use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const KILLS: usize = 21;
const WRITERS: usize = 8;
/// Every third kill is the leader's.
const LEADER_EVERY: usize = 3;

/// What the writers know: keys with the value that was acknowledged.
#[derive(Default)]
struct Ledger {
    acknowledged: Mutex<BTreeMap<String, String>>,
    count: AtomicUsize,
    failed: AtomicUsize,
    over: AtomicBool,
}

#[test]
fn acknowledged_writes_outlive_twenty_kills() {
    let mut random = seeded();
    let runtime = runtime();
    let builder = cluster(3).argument("--heartbeat-interval=50").argument("--election-timeout=500");
    let mut cluster = start(builder.argument("--snapshot-count=500"));
    let ledger = Arc::new(Ledger::default());
    let writers = start_writers(&runtime, &cluster.client_urls(), &ledger);

    let mut leaders_killed = 0;
    for kill in 0..KILLS {
        wait_for_progress(&ledger, random.random_range(1..40));
        let victim = choose(&mut cluster, kill, &mut random, &mut leaders_killed);
        cluster.kill(victim).unwrap();
        // The other two go on, or it comes back in the middle of the election.
        if random.random_bool(0.7) {
            wait_for_progress(&ledger, random.random_range(1..40));
        }
        cluster.start(victim).unwrap();
        // Now and then the next one is killed before this one is back.
        if random.random_bool(0.7) {
            cluster.wait_for_health(victim).unwrap();
        }
    }
    assert!(leaders_killed >= 5, "{leaders_killed} leaders were killed");
    wait_for_progress(&ledger, 40);
    ledger.over.store(true, Ordering::Relaxed);
    for writer in writers {
        runtime.block_on(writer).unwrap();
    }

    let acknowledged = std::mem::take(&mut *ledger.acknowledged.lock().unwrap());
    let failed = ledger.failed.load(Ordering::Relaxed);
    eprintln!(
        "{} puts acknowledged, {failed} with unknown outcome, {leaders_killed} leaders killed",
        acknowledged.len()
    );
    cluster.equal_hashes(&runtime);
    for url in cluster.client_urls() {
        let found = runtime.block_on(read_all(&url));
        let lost: Vec<_> =
            acknowledged.iter().filter(|(key, value)| found.get(*key) != Some(value)).collect();
        assert!(lost.is_empty(), "{} of {} are lost at {url}: {lost:?}", lost.len(), acknowledged.len());
        // What was not acknowledged may be there, but only as it was meant.
        for (key, value) in &found {
            assert_eq!(*value, value_of(key), "{key} at {url}");
        }
    }
}

/// A running member: the leader when it is a leader's turn.
fn choose(cluster: &mut TestCluster, kill: usize, random: &mut StdRng, leaders_killed: &mut usize) -> usize {
    if kill % LEADER_EVERY == 0 {
        *leaders_killed += 1;
        return cluster.wait_for_leader().unwrap();
    }
    random.random_range(0..3)
}

fn value_of(key: &str) -> String {
    format!("the value of {key}")
}

fn wait_for_progress(ledger: &Ledger, more: usize) {
    let goal = ledger.count.load(Ordering::Relaxed) + more;
    wait_until(&format!("{more} more acknowledged puts"), DEADLINE, || {
        let now = ledger.count.load(Ordering::Relaxed);
        if now >= goal { Ok(()) } else { Err(format!("{now} of {goal}")) }
    })
    .unwrap();
}

fn start_writers(runtime: &Runtime, urls: &[String], ledger: &Arc<Ledger>) -> Vec<JoinHandle<()>> {
    (0..WRITERS)
        .map(|writer| {
            let (urls, ledger) = (urls.to_vec(), Arc::clone(ledger));
            runtime.spawn(async move {
                let options = ConnectOptions::new().with_timeout(Duration::from_secs(3));
                let mut clients: Vec<Client> = Vec::new();
                for url in &urls {
                    clients.push(Client::connect([url], Some(options.clone())).await.unwrap());
                }
                for number in 0.. {
                    if ledger.over.load(Ordering::Relaxed) {
                        return;
                    }
                    let key = format!("writer{writer}/{number}");
                    let member = (writer + number) % clients.len();
                    match clients[member].put(key.clone(), value_of(&key), None).await {
                        Ok(_) => {
                            ledger.acknowledged.lock().unwrap().insert(key.clone(), value_of(&key));
                            ledger.count.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => {
                            ledger.failed.fetch_add(1, Ordering::Relaxed);
                            // The member is down; the next one in turn is asked, but not in a hot loop.
                            tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
                        }
                    }
                }
            })
        })
        .collect()
}

async fn read_all(url: &str) -> BTreeMap<String, String> {
    let mut client = Client::connect([url], None).await.unwrap();
    let options = GetOptions::new().with_prefix().with_serializable();
    let answer = client.get("writer", Some(options)).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    answer.kvs().iter().map(|kv| (text(kv.key()), text(kv.value()))).collect()
}
