//! `etcdctl lock` and `etcdctl elect`: the same keys, made by a client.

use etcd_it::{Ctl, cluster, runtime, start};

use super::{Services, await_keys, grant, text};
use crate::load::connect;

#[test]
fn etcdctl_and_the_service_have_the_same_locks() {
    let (cluster, runtime) = (start(cluster(3)), runtime());
    for url in cluster.client_urls() {
        let Some(ctl) = Ctl::new(&[&url]) else { return };
        // A command under the lock.
        let said = ctl.ok(&["lock", "l", "--", "sh", "-c", "echo $ETCD_LOCK_KEY"]);
        assert!(said.starts_with("l/"), "{said}");
        runtime.block_on(async {
            await_keys(&url, "l/", &[]).await;
            let mut holder = ctl.spawn(&["lock", "l"]);
            let key = holder.output_until("\n");
            let lease = grant(&mut connect(&url).await, 0x7001).await;
            let mut services = Services::connect(&url).await;
            let waiting = tokio::spawn(async move { services.lock("l", lease).await });
            await_keys(&url, "l/", &[key.trim(), "l/7001"]).await;
            // And etcdctl waits for the service.
            let mut next = ctl.spawn(&["lock", "l", "echo", "mine"]);
            holder.interrupt();
            let got = waiting.await.unwrap().unwrap();
            assert_eq!(text(&got.key), "l/7001");
            Services::connect(&url).await.unlock(&got.key).await.unwrap();
            assert_eq!(next.output_until("\n"), "mine\n");
            connect(&url).await.lease_revoke(lease).await.unwrap();
        });
    }
}

#[test]
fn etcdctl_and_the_service_have_the_same_elections() {
    let (cluster, runtime) = (start(cluster(3)), runtime());
    for url in cluster.client_urls() {
        let Some(ctl) = Ctl::new(&[&url]) else { return };
        runtime.block_on(async {
            let mut listener = ctl.spawn(&["elect", "-l", "e"]);
            let mut one = ctl.spawn(&["elect", "e", "first"]);
            let said = one.output_until("first\n");
            assert!(said.starts_with("e/"), "{said}");
            let key = said.lines().next().unwrap().to_owned();
            assert!(listener.output_until("first\n").ends_with(&said));
            let mut services = Services::connect(&url).await;
            let found = services.leader("e").await.unwrap().kv.unwrap();
            assert_eq!((text(&found.key), text(&found.value)), (&*key, "first"));
            let lease = grant(&mut connect(&url).await, 0x7001).await;
            let waiting = tokio::spawn({
                let mut services = services.clone();
                async move { services.campaign("e", lease, "second").await }
            });
            await_keys(&url, "e/", &[&key, "e/7001"]).await;
            one.interrupt();
            let elected = waiting.await.unwrap().unwrap().leader.unwrap();
            assert_eq!(text(&elected.key), "e/7001");
            assert_eq!(listener.output_until("second\n"), "e/7001\nsecond\n");
            services.proclaim(Some(elected.clone()), "third").await.unwrap();
            assert!(listener.output_until("third\n").ends_with("third\n"));
            services.resign(Some(elected)).await.unwrap();
            connect(&url).await.lease_revoke(lease).await.unwrap();
        });
    }
}
