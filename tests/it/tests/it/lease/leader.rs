//! Streams of renewals of clients that want a leader.

use etcd_it::{DEADLINE, cluster, runtime, start};
use etcd_proto::etcdserverpb::LeaseKeepAliveRequest;
use etcd_proto::etcdserverpb::lease_client::LeaseClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::load::connect;

#[test]
fn without_a_leader_renewals_that_want_one_end() {
    let (mut cluster, runtime) = (start(cluster(3)), runtime());
    let leader = cluster.wait_for_leader().unwrap();
    let left = (leader + 1) % 3;
    let url = cluster.client_urls()[left].clone();
    runtime.block_on(async {
        let id = connect(&url).await.lease_grant(600, None).await.unwrap().id();
        let mut client = LeaseClient::connect(url).await.unwrap();
        let (requests, receiver) = mpsc::channel(4);
        // One answer first: then the stream is known to be there.
        requests.send(LeaseKeepAliveRequest { id }).await.unwrap();
        let mut request = Request::new(ReceiverStream::new(receiver));
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        let mut answers = client.lease_keep_alive(request).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!((answer.id, answer.ttl), (id, 600));
        cluster.kill(leader).unwrap();
        cluster.kill((leader + 2) % 3).unwrap();
        // Nothing is asked: it is not a renewal that fails, but the stream that ends.
        let ended = tokio::time::timeout(DEADLINE, answers.message()).await.expect("an end in time");
        let ended = ended.unwrap_err();
        assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "etcdserver: no leader"));
        drop(requests);
        let mut request = Request::new(tokio_stream::iter([LeaseKeepAliveRequest { id }]));
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        let refused = client.lease_keep_alive(request).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unavailable, "etcdserver: no leader"));
    });
}
