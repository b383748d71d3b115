//! Locks and elections while authentication is on; `auth::matrix` has who is refused.

use etcd_it::{cluster, is_go_3_4, runtime, start};
use tonic::Code;

use super::{Services, await_keys_of, grant, observed, refusal, text};
use crate::auth::raw::Raw;
use crate::auth::{ANN_PASSWORD, ROOT_PASSWORD, await_expiry, connect_as, set_up};

/// Whoever waits may wait for longer than a token lives that is not used.
#[test]
fn waits_outlive_the_tokens_they_began_with() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: 3.4 ends the wait, and leaves the key of who waited");
        return;
    }
    let cluster = start(cluster(1).argument("--auth-token-ttl=5").argument("--bcrypt-cost=4"));
    runtime().block_on(async {
        let url = cluster.client_urls().remove(0);
        set_up(&url).await;
        let raw = Raw::connect(&url).await;
        let nobody = Services::connect(&url).await;
        let ann = async || {
            let token = raw.log_in("ann", ANN_PASSWORD).await.unwrap();
            nobody.clone().with("token", &token)
        };
        let root = async || connect_as(&url, "root", ROOT_PASSWORD).await.unwrap();
        for id in 1..=4 {
            grant(&mut root().await, id).await;
        }
        let held = ann().await.lock("ann/l", 1).await.unwrap();
        let leader = ann().await.campaign("ann/e", 4, "x").await.unwrap().leader;
        let mut observer = ann().await.observe("ann/e").await.unwrap();
        assert_eq!(observed(&mut observer).await.0, "x");
        let [waiting, leaving] = [ann().await, ann().await];
        let wait =
            |mut services: Services, lease| tokio::spawn(async move { services.lock("ann/l", lease).await });
        let waiting = wait(waiting, 2);
        await_keys_of(&mut root().await, "ann/l/", &["ann/l/1", "ann/l/2"]).await;
        let leaving = wait(leaving, 3);
        await_keys_of(&mut root().await, "ann/l/", &["ann/l/1", "ann/l/2", "ann/l/3"]).await;

        await_expiry(&raw).await;
        leaving.abort();
        await_keys_of(&mut root().await, "ann/l/", &["ann/l/1", "ann/l/2"]).await;
        ann().await.unlock(&held.key).await.unwrap();
        assert_eq!(text(&waiting.await.unwrap().unwrap().key), "ann/l/2");
        ann().await.resign(leader).await.unwrap();
        ann().await.campaign("ann/e", 4, "y").await.unwrap();
        assert_eq!(observed(&mut observer).await.0, "y");
    });
}

#[test]
fn callers_act_for_themselves() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        let urls = cluster.client_urls();
        set_up(&urls[0]).await;
        for url in &urls {
            let mut root = connect_as(url, "root", ROOT_PASSWORD).await.unwrap();
            let mut client = connect_as(url, "ann", ANN_PASSWORD).await.unwrap();
            let token = Raw::connect(url).await.log_in("ann", ANN_PASSWORD).await.unwrap();
            let nobody = Services::connect(url).await;
            let mut ann = nobody.clone().with("token", &token);
            let held = ann.lock("ann/l", 0).await.unwrap();
            let lease = client.lease_grant(600, None).await.unwrap().id();
            let waiting = tokio::spawn({
                let mut ann = ann.clone();
                async move { ann.lock("ann/l", lease).await }
            });
            let key = format!("ann/l/{lease:x}");
            await_keys_of(&mut root, "ann/l/", &[text(&held.key), &key]).await;
            // Who goes away takes the key away, with the rights of the one who went: 3.4 tries it with nobody's.
            waiting.abort();
            if is_go_3_4() {
                root.delete(key, None).await.unwrap();
            }
            await_keys_of(&mut root, "ann/l/", &[text(&held.key)]).await;
            ann.unlock(&held.key).await.unwrap();
            let elected = ann.campaign("ann/e", lease, "x").await.unwrap().leader.unwrap();
            let mut stream = ann.observe("ann/e").await.unwrap();
            assert_eq!(observed(&mut stream).await.0, "x");
            ann.proclaim(Some(elected.clone()), "y").await.unwrap();
            assert_eq!(observed(&mut stream).await.0, "y");
            ann.resign(Some(elected)).await.unwrap();
            let refused = refusal(ann.lock("all/l", lease).await);
            assert_eq!(refused, (Code::Unknown, "etcdserver: permission denied".to_owned()));
        }
    });
}
