//! Leases outlive their leader and the whole cluster's restart.

use std::time::{Duration, Instant};

use etcd_client::{Client, LeaseTimeToLiveOptions, PutOptions};
use etcd_it::{DEADLINE, TestCluster, cluster, runtime, start};
use etcd_testkit::wait_until;
use tokio::runtime::Runtime;

use super::expiry::{Keeper, await_gone, count, put_leased};
use crate::load::{connect, urls_without};

#[test]
fn a_lease_outlives_its_leader() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    while !outlives_its_leader(&mut cluster, &runtime) {}
    cluster.equal_hashes(&runtime);
}

/// `false` when the machine was too slow to keep a lease alive.
fn outlives_its_leader(cluster: &mut TestCluster, runtime: &Runtime) -> bool {
    let leader = cluster.wait_for_leader().unwrap();
    let urls = urls_without(cluster, leader);
    let (begun, ttl, id, mut clients) = runtime.block_on(async {
        let mut clients = vec![connect(&urls[0]).await, connect(&urls[1]).await];
        put_leased(&mut clients[1], "lost", 2).await;
        let begun = Instant::now();
        let id = put_leased(&mut clients[0], "held", 8).await;
        let ttl = clients[0].lease_time_to_live(id, None).await.unwrap().granted_ttl();
        (begun, Duration::from_secs(ttl.unsigned_abs()), id, clients)
    });
    cluster.kill(leader).unwrap();
    // The new leader extends, so that owners have time to find it: longer than twice the lease without a gap.
    let is_kept = runtime.block_on(async {
        let mut keeper = Keeper::new(ttl, begun);
        while begun.elapsed() < 2 * ttl + Duration::from_secs(1) {
            for client in &mut clients {
                if keeper.renew(client, id).await.is_err() {
                    return false;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await; // between two looks
        }
        let is_there = count(&mut clients[0], "held").await == 1;
        assert!(is_there || keeper.may_be_over(), "its key is gone");
        is_there
    });
    cluster.start(leader).unwrap();
    cluster.wait_for_health(leader).unwrap();
    await_gone(cluster, runtime, "lost");
    await_gone(cluster, runtime, "held");
    is_kept
}

#[test]
fn leases_survive_a_restart_of_all_members() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let (long, short) = runtime.block_on(async {
        let mut client = connect(&cluster.client_urls()[0]).await;
        let long = client.lease_grant(600, None).await.unwrap().id();
        for key in ["long/a", "long/b"] {
            client.put(key, "v", Some(PutOptions::new().with_lease(long))).await.unwrap();
        }
        (long, put_leased(&mut client, "short/a", 5).await)
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
