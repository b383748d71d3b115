//! Leases and the keys on them, while authentication is on.

use etcd_client::{Client, Error, GetOptions, LeaseTimeToLiveOptions, PutOptions};
use etcd_it::{DEADLINE, cluster, is_go_3_4, runtime, start};
use tonic::Code;

use super::{ANN_PASSWORD, ROOT_PASSWORD, connect_as, denied, refusal, set_up};

/// Puts a key on a new lease.
async fn put_leased(client: &mut Client, key: &str, ttl: i64) -> i64 {
    let lease = client.lease_grant(ttl, None).await.unwrap().id();
    client.put(key, "x", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    lease
}

/// Puts keys on a new lease that ends soon; `false` when it did before it had them all.
async fn put_on_short(keys: &mut [(&mut Client, &str)]) -> bool {
    let lease = keys[0].0.lease_grant(2, None).await.unwrap().id();
    for (client, key) in keys {
        match client.put(*key, "x", Some(PutOptions::new().with_lease(lease))).await {
            Err(Error::GRpcStatus(status)) if status.code() == Code::NotFound => return false,
            outcome => drop(outcome.unwrap()),
        }
    }
    true
}

#[test]
fn leases_end_by_themselves_and_take_everybodys_keys_along() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        let urls = cluster.client_urls();
        set_up(&urls[0]).await;
        let mut root = connect_as(&urls[0], "root", ROOT_PASSWORD).await.unwrap();
        let mut ann = connect_as(&urls[1], "ann", ANN_PASSWORD).await.unwrap();
        // Again when the machine was too slow, and a lease was over before it had its keys.
        while !put_on_short(&mut [(&mut ann, "ann/shared"), (&mut root, "root/shared")]).await {}
        while !put_on_short(&mut [(&mut ann, "ann/short")]).await {}
        while !put_on_short(&mut [(&mut root, "root/short")]).await {}
        let kept = put_leased(&mut ann, "ann/kept", 600).await;
        let begun = std::time::Instant::now();
        for url in &urls {
            let mut root = connect_as(url, "root", ROOT_PASSWORD).await.unwrap();
            loop {
                let options = GetOptions::new().with_all_keys().with_keys_only().with_serializable();
                let found = root.get("", Some(options)).await.unwrap();
                let keys: Vec<_> =
                    found.kvs().iter().map(|kv| String::from_utf8_lossy(kv.key()).into_owned()).collect();
                if keys == ["all/1", "ann/1", "ann/kept", "root/1"] {
                    break;
                }
                assert!(begun.elapsed() < DEADLINE, "{url} has {keys:?}");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await; // between two looks
            }
        }
        let left =
            ann.lease_time_to_live(kept, Some(LeaseTimeToLiveOptions::new().with_keys())).await.unwrap();
        assert_eq!((left.granted_ttl(), left.keys()), (600, &[b"ann/kept".to_vec()][..]));
    });
}

#[test]
fn a_lease_is_revoked_only_with_a_right_to_its_keys() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        let urls = cluster.client_urls();
        set_up(&urls[0]).await;
        for url in &urls {
            let mut root = connect_as(url, "root", ROOT_PASSWORD).await.unwrap();
            let mut ann = connect_as(url, "ann", ANN_PASSWORD).await.unwrap();
            let own = put_leased(&mut ann, "ann/own", 600).await;
            let roots = put_leased(&mut root, "root/own", 600).await;
            assert_eq!(refusal(ann.lease_revoke(roots).await), denied());
            assert_eq!(root.get("root/own", None).await.unwrap().count(), 1);
            // Nor is a key put on it that the lease would take away from somebody.
            let options = PutOptions::new().with_lease(roots);
            assert_eq!(refusal(ann.put("ann/2", "x", Some(options)).await), denied());
            if !is_go_3_4() {
                let with_keys = Some(LeaseTimeToLiveOptions::new().with_keys());
                assert_eq!(refusal(ann.lease_time_to_live(roots, with_keys).await), denied());
                assert_eq!(refusal(ann.leases().await), denied());
            }
            // How long it lives is no secret.
            assert_eq!(ann.lease_time_to_live(roots, None).await.unwrap().granted_ttl(), 600);
            ann.lease_revoke(own).await.unwrap();
            assert_eq!(ann.get("ann/own", None).await.unwrap().count(), 0);
            root.lease_revoke(roots).await.unwrap();
            let gone = refusal(ann.lease_revoke(roots).await);
            assert_eq!(gone, (Code::NotFound, "etcdserver: requested lease not found".to_owned()));
        }
    });
}
