//! The gRPC services, driven by tonic's clients.

use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::{PutRequest, RangeRequest};

use crate::memory;
use crate::server::Server;

#[tokio::test]
async fn a_put_is_read_back_with_a_full_header() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    let put = PutRequest { key: "foo".into(), value: "bar".into(), ..PutRequest::default() };
    let header = kv.put(put).await.unwrap().into_inner().header.unwrap();
    assert_eq!(header.cluster_id, memory::CLUSTER);
    assert_eq!(header.member_id, memory::MEMBER);
    assert_eq!(header.raft_term, memory::TERM);
    assert_eq!(header.revision, 2);
    let range = RangeRequest { key: "foo".into(), ..RangeRequest::default() };
    let found = kv.range(range).await.unwrap().into_inner();
    assert_eq!(found.kvs[0].value, "bar");
    assert_eq!(found.header.unwrap().revision, 2);
}
