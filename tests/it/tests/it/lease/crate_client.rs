//! The crate `etcd-client` and plain gRPC against every member.

use etcd_client::{Client, Error, LeaseGrantOptions, LeaseTimeToLiveOptions, PutOptions};
use etcd_it::{cluster, is_go_3_4, runtime, start};
use etcd_proto::etcdserverpb::LeaseKeepAliveRequest;
use etcd_proto::etcdserverpb::lease_client::LeaseClient;
use tonic::Code;

use crate::load::connect;

fn status<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (Code, String) {
    match outcome {
        Err(Error::GRpcStatus(status)) => (status.code(), status.message().to_owned()),
        other => panic!("not a gRPC status: {other:?}"),
    }
}

async fn left(client: &mut Client, id: i64) -> (i64, i64, Vec<String>) {
    let options = LeaseTimeToLiveOptions::new().with_keys();
    let answer = client.lease_time_to_live(id, Some(options)).await.unwrap();
    let mut keys: Vec<_> =
        answer.keys().iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
    if is_go_3_4() {
        keys.sort_unstable();
    }
    (answer.ttl(), answer.granted_ttl(), keys)
}

#[test]
fn a_lease_is_the_same_on_every_member() {
    let cluster = start(cluster(3));
    runtime().block_on(async {
        let mut clients = Vec::new();
        for url in cluster.client_urls() {
            clients.push(connect(&url).await);
        }
        let id = 0x7fff_ffff_ffff_fff0;
        let options = || Some(LeaseGrantOptions::new().with_id(id));
        let granted = clients[0].lease_grant(600, options()).await.unwrap();
        assert_eq!((granted.id(), granted.ttl()), (id, 600));
        let revision = granted.header().unwrap().revision();
        for (number, key) in ["c", "a", "b"].into_iter().enumerate() {
            let options = PutOptions::new().with_lease(id);
            clients[number].put(key, "v", Some(options)).await.unwrap();
        }
        for client in &mut clients {
            let again = status(client.lease_grant(5, options()).await);
            assert_eq!(again, (Code::FailedPrecondition, "etcdserver: lease already exists".to_owned()));
            let (ttl, granted, keys) = left(client, id).await;
            assert!((1..=600).contains(&ttl) && granted == 600, "{ttl} {granted}");
            assert_eq!(keys, ["a", "b", "c"]);
            let (mut keeper, mut answers) = client.lease_keep_alive(id).await.unwrap();
            for _ in 0..3 {
                keeper.keep_alive().await.unwrap();
                let answer = answers.message().await.unwrap().unwrap();
                assert_eq!((answer.id(), answer.ttl()), (id, 600));
                assert!(answer.header().unwrap().revision() >= revision);
            }
            let leases = client.leases().await.unwrap();
            assert_eq!(leases.leases().iter().map(|lease| lease.id()).collect::<Vec<_>>(), [id]);
        }
        let revoked = clients[1].lease_revoke(id).await.unwrap();
        assert_eq!(revoked.header().unwrap().revision(), revision + 4, "all keys go in one revision");
        for client in &mut clients {
            assert_eq!(left(client, id).await, (-1, 0, vec![]));
            let missing = status(client.lease_revoke(id).await);
            assert_eq!(missing, (Code::NotFound, "etcdserver: requested lease not found".to_owned()));
            assert_eq!(client.get("a", None).await.unwrap().count(), 0);
        }
        // Chosen ids are positive and different.
        let ids = [
            clients[0].lease_grant(60, None).await.unwrap().id(),
            clients[1].lease_grant(60, None).await.unwrap().id(),
        ];
        assert!(ids[0] > 0 && ids[1] > 0 && ids[0] != ids[1], "{ids:?}");
    });
}

/// One answer for each request, in their order, on the leader and through followers; unknown leases live 0 seconds.
#[test]
fn a_burst_of_renewals_on_one_stream() {
    const BURST: i64 = 5000;
    const TTL: i64 = 600;
    let cluster = start(cluster(3));
    runtime().block_on(async {
        let mut granting = connect(&cluster.client_urls()[0]).await;
        for id in (1..=BURST).step_by(1000) {
            granting.lease_grant(TTL, Some(LeaseGrantOptions::new().with_id(id))).await.unwrap();
        }
        for url in cluster.client_urls() {
            let mut client = LeaseClient::connect(url).await.unwrap();
            let requests: Vec<_> = (1..=BURST).map(|id| LeaseKeepAliveRequest { id }).collect();
            let requests = futures_util::stream::iter(requests);
            let mut answers = client.lease_keep_alive(requests).await.unwrap().into_inner();
            let mut expected = 1;
            while let Some(answer) = answers.message().await.unwrap() {
                let ttl = if expected % 1000 == 1 { TTL } else { 0 };
                assert_eq!((answer.id, answer.ttl), (expected, ttl));
                expected += 1;
            }
            assert_eq!(expected, BURST + 1, "the stream ends when the client has said all");
        }
    });
}
