//! Many puts at once, through the crate `etcd-client`.

use std::time::Duration;

use etcd_client::{Client, ConnectOptions};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// A client of one member. It gives up on a request after some seconds, so that a test sees every outcome.
pub(crate) async fn connect(url: &str) -> Client {
    let options = ConnectOptions::new().with_timeout(Duration::from_secs(20));
    Client::connect([url], Some(options)).await.unwrap()
}

/// Writes `<prefix>/0` … with values of `size` bytes, through all of `urls` in turn, many at once. All must succeed.
pub(crate) fn put_many(runtime: &Runtime, urls: &[String], prefix: &str, count: usize, size: usize) {
    const AT_ONCE: usize = 32;
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for task in 0..AT_ONCE {
            let (url, prefix) = (urls[task % urls.len()].clone(), prefix.to_owned());
            tasks.spawn(async move {
                let mut client = connect(&url).await;
                for number in (task..count).step_by(AT_ONCE) {
                    client.put(format!("{prefix}/{number}"), vec![b'v'; size], None).await.unwrap();
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    });
}

/// The URLs of all members but one.
pub(crate) fn urls_without(cluster: &etcd_it::TestCluster, away: usize) -> Vec<String> {
    let mut urls = cluster.client_urls();
    urls.remove(away);
    urls
}
