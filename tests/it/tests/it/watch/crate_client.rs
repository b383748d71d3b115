//! The crate `etcd-client` against every member.

use etcd_client::{EventType, WatchFilterType, WatchOptions};
use etcd_it::{cluster, runtime, start};

use crate::load::connect;

#[test]
fn watchers_with_every_option() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        for url in cluster.client_urls() {
            let mut client = connect(&url).await;
            let base = client.put("c/a", "0", None).await.unwrap().header().unwrap().revision();
            let options = WatchOptions::new().with_prefix().with_prev_key().with_watch_id(5);
            let mut stream = client.watch("c/", Some(options)).await.unwrap();
            assert_eq!(stream.message().await.unwrap().unwrap().watch_id(), 5);
            let puts = WatchOptions::new()
                .with_start_revision(base)
                .with_filters([WatchFilterType::NoDelete])
                .with_watch_id(6);
            stream.watch("c/a", Some(puts)).await.unwrap();
            let created = stream.message().await.unwrap().unwrap();
            assert!(created.created() && created.watch_id() == 6, "{created:?}");
            let past = stream.message().await.unwrap().unwrap();
            assert_eq!((past.watch_id(), past.events().len()), (6, 1));

            client.put("c/a", "1", None).await.unwrap();
            client.delete("c/a", None).await.unwrap();
            let mut seen = Vec::new();
            while seen.len() < 3 {
                let response = stream.message().await.unwrap().unwrap();
                for event in response.events() {
                    let previous = event.prev_kv().map(|pair| pair.value_str().unwrap().to_owned());
                    seen.push((response.watch_id(), event.event_type(), previous));
                }
            }
            seen.sort_by_key(|(id, ..)| *id);
            assert_eq!(
                seen,
                [
                    (5, EventType::Put, Some("0".to_owned())),
                    (5, EventType::Delete, Some("1".to_owned())),
                    (6, EventType::Put, None),
                ]
            );
            stream.request_progress().await.unwrap();
            let progress = stream.message().await.unwrap().unwrap();
            assert!(progress.events().is_empty() && progress.header().unwrap().revision() >= base + 2);
            stream.cancel(6).await.unwrap();
            let canceled = stream.message().await.unwrap().unwrap();
            assert!(canceled.canceled() && canceled.watch_id() == 6, "{canceled:?}");
        }
    });
}
