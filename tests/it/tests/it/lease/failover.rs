//! Leases outlive their leader and the whole cluster's restart.

use std::time::{Duration, Instant};

use etcd_client::{Client, LeaseTimeToLiveOptions, PutOptions};
use etcd_it::{DEADLINE, cluster, runtime, start};
use etcd_testkit::wait_until;

use super::expiry::{await_gone, count};
use crate::load::{connect, urls_without};

/// Renews until `seconds` have passed, through whichever member answers.
async fn keep(clients: &mut [Client], id: i64, seconds: u64) {
    let begun = Instant::now();
    while begun.elapsed().as_secs() < seconds {
        for client in &mut *clients {
            let Ok((mut keeper, mut answers)) = client.lease_keep_alive(id).await else { continue };
            if keeper.keep_alive().await.is_ok()
                && let Ok(Some(answer)) = answers.message().await
            {
                assert!(answer.ttl() > 0, "the lease was lost");
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await; // between two looks
    }
}

#[test]
fn a_lease_outlives_its_leader() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let leader = cluster.wait_for_leader().unwrap();
    let urls = urls_without(&cluster, leader);
    let (id, mut clients) = runtime.block_on(async {
        let mut clients = vec![connect(&urls[0]).await, connect(&urls[1]).await];
        let id = clients[0].lease_grant(4, None).await.unwrap().id();
        clients[0].put("held", "v", Some(PutOptions::new().with_lease(id))).await.unwrap();
        let short = clients[1].lease_grant(2, None).await.unwrap().id();
        clients[0].put("lost", "v", Some(PutOptions::new().with_lease(short))).await.unwrap();
        (id, clients)
    });
    cluster.kill(leader).unwrap();
    // The new leader extends, so that owners have time to find it: longer than twice the lease without a gap.
    runtime.block_on(keep(&mut clients, id, 9));
    assert_eq!(runtime.block_on(count(&mut clients[0], "held")), 1, "it was kept alive");
    cluster.start(leader).unwrap();
    cluster.wait_for_health(leader).unwrap();
    await_gone(&cluster, &runtime, "lost");
    await_gone(&cluster, &runtime, "held");
    cluster.equal_hashes(&runtime);
}

#[test]
fn leases_survive_a_restart_of_all_members() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let (long, short) = runtime.block_on(async {
        let mut client = connect(&cluster.client_urls()[0]).await;
        let long = client.lease_grant(600, None).await.unwrap().id();
        let short = client.lease_grant(5, None).await.unwrap().id();
        for (key, id) in [("long/a", long), ("long/b", long), ("short/a", short)] {
            client.put(key, "v", Some(PutOptions::new().with_lease(id))).await.unwrap();
        }
        (long, short)
    });
    for member in 0..3 {
        // One is stopped, the others are killed.
        if member == 0 {
            cluster.stop(member).unwrap()
        } else {
            cluster.kill(member).unwrap()
        };
    }
    for member in 0..3 {
        cluster.start(member).unwrap();
    }
    cluster.wait_for_leader().unwrap();
    for url in cluster.client_urls() {
        wait_until(&format!("{url} to tell of the lease"), DEADLINE, || {
            runtime.block_on(async {
                let mut client = Client::connect([&url], None).await.map_err(|error| error.to_string())?;
                let options = LeaseTimeToLiveOptions::new().with_keys();
                let answer = client.lease_time_to_live(long, Some(options)).await;
                let answer = answer.map_err(|error| error.to_string())?;
                assert_eq!(answer.keys(), [b"long/a".to_vec(), b"long/b".to_vec()]);
                assert_eq!(answer.granted_ttl(), 600);
                Ok(())
            })
        })
        .unwrap();
    }
    await_gone(&cluster, &runtime, "short/");
    runtime.block_on(async {
        let mut client = connect(&cluster.client_urls()[2]).await;
        assert_eq!(client.lease_time_to_live(short, None).await.unwrap().ttl(), -1);
        client.lease_revoke(long).await.unwrap();
    });
    await_gone(&cluster, &runtime, "long/");
    cluster.equal_hashes(&runtime);
}
