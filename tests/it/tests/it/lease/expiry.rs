//! Leases whose owners are gone.

use std::time::Instant;

use etcd_client::{Client, GetOptions, LeaseGrantOptions, PutOptions};
use etcd_it::{DEADLINE, TestCluster, cluster, runtime, start};
use etcd_testkit::wait_until;
use tokio::runtime::Runtime;

use crate::load::connect;

/// Keys below `prefix` as this member has them by itself.
pub(super) async fn count(client: &mut Client, prefix: &str) -> i64 {
    let options = GetOptions::new().with_prefix().with_serializable().with_count_only();
    client.get(prefix, Some(options)).await.unwrap().count()
}

/// Waits until no member has a key below `prefix`.
pub(super) fn await_gone(cluster: &TestCluster, runtime: &Runtime, prefix: &str) {
    for url in cluster.client_urls() {
        let mut client = runtime.block_on(connect(&url));
        wait_until(&format!("{url} to have no {prefix}"), DEADLINE, || {
            match runtime.block_on(count(&mut client, prefix)) {
                0 => Ok(()),
                left => Err(format!("{left} keys")),
            }
        })
        .unwrap();
    }
}

#[test]
fn keys_go_with_their_lease_on_every_member_alike() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    runtime.block_on(async {
        let mut client = connect(&cluster.client_urls()[0]).await;
        client.put("kept", "v", None).await.unwrap();
        for id in 1..=20 {
            client.lease_grant(2, Some(LeaseGrantOptions::new().with_id(id))).await.unwrap();
            for key in 0..3 {
                let options = PutOptions::new().with_lease(id);
                client.put(format!("lost/{id}/{key}"), "v", Some(options)).await.unwrap();
            }
        }
    });
    await_gone(&cluster, &runtime, "lost/");
    let (revision, _) = cluster.equal_hashes(&runtime);
    assert_eq!(revision, 1 + 1 + 60 + 20, "one revision for each lease");
    let mut client = runtime.block_on(connect(&cluster.client_urls()[1]));
    assert_eq!(runtime.block_on(count(&mut client, "kept")), 1);
    let leader = cluster.wait_for_leader().unwrap();
    let expired = (0..3).map(|member| cluster.metric(member, "etcd_debugging_server_lease_expired_total"));
    assert_eq!(expired.clone().sum::<f64>(), 20.0, "{:?}", expired.collect::<Vec<_>>());
    assert_eq!(cluster.metric(leader, "etcd_debugging_lease_granted_total"), 20.0);
    assert_eq!(cluster.metric(leader, "etcd_debugging_lease_revoked_total"), 20.0);
    assert_eq!(cluster.metric(leader, "etcd_debugging_lease_ttl_total_sum"), 40.0);
}

#[test]
fn a_lease_that_is_kept_alive_stays() {
    let (cluster, runtime) = (start(cluster(3)), runtime());
    for url in cluster.client_urls() {
        runtime.block_on(async {
            let mut client = connect(&url).await;
            let id = client.lease_grant(2, None).await.unwrap().id();
            client.put("held", "v", Some(PutOptions::new().with_lease(id))).await.unwrap();
            let (mut keeper, mut answers) = client.lease_keep_alive(id).await.unwrap();
            let begun = Instant::now();
            while begun.elapsed().as_secs() < 5 {
                keeper.keep_alive().await.unwrap();
                assert_eq!(answers.message().await.unwrap().unwrap().ttl(), 2);
                tokio::time::sleep(std::time::Duration::from_millis(200)).await; // between two looks
            }
            assert_eq!(count(&mut client, "held").await, 1);
        });
        await_gone(&cluster, &runtime, "held");
    }
}
