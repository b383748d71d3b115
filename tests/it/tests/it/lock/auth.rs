//! Locks and elections while authentication is on; `auth::matrix` has who is refused.

use etcd_it::{cluster, is_go_3_4, runtime, start};
use tonic::Code;

use super::{Services, await_keys_of, observed, refusal, text};
use crate::auth::raw::Raw;
use crate::auth::{ANN_PASSWORD, ROOT_PASSWORD, connect_as, set_up};

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
