//! Elections: who leads, what the leader proclaims, and who looks on.

use etcd_client::{ProclaimOptions, ResignOptions};
use etcd_it::{cluster, is_go_3_4, runtime, start};
use etcd_proto::v3electionpb::LeaderKey;

use super::{Services, await_keys, bytes, grant, observed, refusal, text, unknown};
use crate::load::connect;

const NOT_LEADER: &str = "election: not leader";

#[test]
fn who_is_elected_proclaims_and_resigns() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        for url in cluster.client_urls() {
            let (mut client, mut services) = (connect(&url).await, Services::connect(&url).await);
            assert_eq!(refusal(services.leader("e").await), unknown("election: no leader"));
            let lease = grant(&mut client, 0x7abc).await;
            let elected = services.campaign("e", lease, "one").await.unwrap();
            let (header, key) = (elected.header.unwrap(), elected.leader.unwrap());
            let rev = header.revision;
            assert_eq!(key, LeaderKey { name: bytes("e"), key: bytes("e/7abc"), rev, lease });
            let found = services.leader("e").await.unwrap();
            let kv = found.kv.unwrap();
            assert_eq!((text(&kv.key), text(&kv.value), kv.lease), ("e/7abc", "one", lease));
            assert_eq!((kv.create_revision, found.header.unwrap().revision), (rev, rev));
            // To be elected again with the same value changes nothing, and with another one proclaims it.
            let again = services.campaign("e", lease, "one").await.unwrap();
            assert_eq!((again.header.unwrap().revision, again.leader.unwrap().rev), (rev, rev));
            let again = services.campaign("e", lease, "two").await.unwrap();
            assert_eq!((again.header.unwrap().revision, again.leader.unwrap().rev), (rev, rev));
            let header = services.proclaim(Some(key.clone()), "three").await.unwrap();
            assert_eq!(header.revision, rev + 2);
            let kv = services.leader("e").await.unwrap().kv.unwrap();
            assert_eq!((text(&kv.value), kv.create_revision, kv.mod_revision), ("three", rev, rev + 2));

            let another = LeaderKey { rev: rev + 1, ..key.clone() };
            assert_eq!(refusal(services.proclaim(Some(another.clone()), "x").await), unknown(NOT_LEADER));
            // Who does not lead has resigned.
            assert_eq!(services.resign(Some(another)).await.unwrap().revision, rev + 2);
            assert_eq!(services.leader("e").await.unwrap().kv.unwrap().mod_revision, rev + 2);
            assert_eq!(services.resign(Some(key.clone())).await.unwrap().revision, rev + 3);
            assert_eq!(refusal(services.leader("e").await), unknown("election: no leader"));
            assert_eq!(refusal(services.proclaim(Some(key), "x").await), unknown(NOT_LEADER));
            client.lease_revoke(lease).await.unwrap();
        }
    });
}

#[test]
fn refusals_have_the_text_alone() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        for url in cluster.client_urls() {
            let mut services = Services::connect(&url).await;
            let no_lease = unknown("etcdserver: requested lease not found");
            assert_eq!(refusal(services.campaign("e", 0x1234, "x").await), no_lease);
            let missing = unknown(r#""leader" field must be provided"#);
            assert_eq!(refusal(services.proclaim(None, "x").await), missing);
            assert_eq!(refusal(services.resign(None).await), missing);
            let none = LeaderKey::default();
            let no_key = unknown("etcdserver: key is not provided");
            assert_eq!(refusal(services.proclaim(Some(none.clone()), "x").await), no_key);
            assert_eq!(refusal(services.resign(Some(none)).await), no_key);
        }
    });
}

#[test]
fn the_next_candidate_follows_and_observers_see_it() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        let urls = cluster.client_urls();
        let mut client = connect(&urls[0]).await;
        // One that begins before there is a leader, on each member.
        let mut early = Vec::new();
        for url in &urls {
            let mut services = Services::connect(url).await;
            early.push(tokio::spawn(async move {
                let mut stream = services.observe("o").await.unwrap();
                let mut seen = vec![observed(&mut stream).await];
                while seen.last().unwrap().0 != "end" {
                    seen.push(observed(&mut stream).await);
                }
                seen
            }));
        }
        let (first, second) = (grant(&mut client, 0x7001).await, grant(&mut client, 0x7000).await);
        let (mut one, mut two) = (Services::connect(&urls[0]).await, Services::connect(&urls[1]).await);
        let key = one.campaign("o", first, "a").await.unwrap().leader.unwrap();
        let begun = key.rev;
        let waiting = tokio::spawn(async move { two.campaign("o", second, "z").await });
        await_keys(&urls[0], "o/", &["o/7001", "o/7000"]).await;
        let mut late = Services::connect(&urls[2]).await.observe("o").await.unwrap();
        assert_eq!(observed(&mut late).await, ("a".to_owned(), begun + 1, begun));
        one.proclaim(Some(key.clone()), "b").await.unwrap();
        assert_eq!(observed(&mut late).await, ("b".to_owned(), begun + 2, begun + 2));
        one.resign(Some(key)).await.unwrap();
        let elected = waiting.await.unwrap().unwrap();
        assert_eq!(elected.header.unwrap().revision, begun + 1, "of its candidature");
        let next = elected.leader.unwrap();
        assert_eq!((text(&next.key), next.rev), ("o/7000", begun + 1));
        assert_eq!(observed(&mut late).await, ("z".to_owned(), begun + 3, begun + 1));
        one.proclaim(Some(next), "end").await.unwrap();
        assert_eq!(observed(&mut late).await, ("end".to_owned(), begun + 4, begun + 4));
        for observer in early {
            let seen = observer.await.unwrap();
            // An observer may miss what was before it came to look; never the last, and never the order.
            assert!(seen.is_sorted_by_key(|(_, revision, _)| *revision), "{seen:?}");
            assert_eq!(seen.last().unwrap(), &("end".to_owned(), begun + 4, begun + 4));
        }
    });
}

#[test]
fn the_crate_client_elects_too() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        for url in cluster.client_urls() {
            let mut client = connect(&url).await;
            let lease = client.lease_grant(600, None).await.unwrap().id();
            let mut elections = client.election_client();
            let elected = elections.campaign("c", "v", lease).await.unwrap();
            let key = elected.leader().unwrap().clone();
            assert_eq!(elections.leader("c").await.unwrap().kv().unwrap().value(), b"v");
            let mut stream = elections.observe("c").await.unwrap();
            assert_eq!(stream.message().await.unwrap().unwrap().kv().unwrap().value(), b"v");
            let options = ProclaimOptions::new().with_leader(key.clone());
            elections.proclaim("w", Some(options)).await.unwrap();
            assert_eq!(stream.message().await.unwrap().unwrap().kv().unwrap().value(), b"w");
            elections.resign(Some(ResignOptions::new().with_leader(key))).await.unwrap();
        }
    });
}

#[test]
fn an_observer_outlives_a_compaction() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        for (number, url) in cluster.client_urls().iter().enumerate() {
            let (mut client, mut services) = (connect(url).await, Services::connect(url).await);
            let name = format!("k{number}");
            let lease = grant(&mut client, 0x7000 + number as i64).await;
            let key = services.campaign(&name, lease, "a").await.unwrap().leader.unwrap();
            let mut stream = services.observe(&name).await.unwrap();
            assert_eq!(observed(&mut stream).await.0, "a");
            let revision = client.put("other", "x", None).await.unwrap().header().unwrap().revision();
            client.compact(revision, None).await.unwrap();
            services.proclaim(Some(key), "b").await.unwrap();
            assert_eq!(observed(&mut stream).await.0, "b");
        }
    });
}

#[test]
fn a_candidate_whose_lease_ends_is_not_elected() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: 3.4 elects it in the end, though its key is gone");
        return;
    }
    let cluster = start(cluster(3));
    runtime().block_on(async {
        let urls = cluster.client_urls();
        let mut client = connect(&urls[0]).await;
        let (first, second) = (grant(&mut client, 0x7001).await, grant(&mut client, 0x7002).await);
        let mut services = Services::connect(&urls[1]).await;
        services.campaign("gone", first, "a").await.unwrap();
        let waiting = tokio::spawn(async move { services.campaign("gone", second, "b").await });
        await_keys(&urls[1], "gone/", &["gone/7001", "gone/7002"]).await;
        client.lease_revoke(second).await.unwrap();
        assert_eq!(refusal(waiting.await.unwrap()), unknown(NOT_LEADER));
    });
}
