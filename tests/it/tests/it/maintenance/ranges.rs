//! Ranges that are too long for memory.

use std::time::Duration;

use etcd_it::{cluster, is_go_3_4, runtime, start};
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::{RangeRequest, RangeResponse};
use etcd_proto::prost::Message as _;
use etcd_testkit::wait_until;
use tonic::Code;

use crate::load::put_many;

/// Merges the messages of a stream.
async fn streamed(client: &mut KvClient<tonic::transport::Channel>, request: RangeRequest) -> RangeResponse {
    let mut stream = client.range_stream(request).await.unwrap().into_inner();
    let mut whole = RangeResponse::default();
    while let Some(message) = stream.message().await.unwrap() {
        whole.merge(message.range_response.unwrap().encode_to_vec().as_slice()).unwrap();
    }
    whole
}

#[test]
fn a_stream_is_the_same_as_one_answer() {
    if is_go_3_4() {
        return;
    }
    let cluster = start(cluster(1));
    let runtime = runtime();
    put_many(&runtime, &cluster.client_urls(), "k", 2000, 3000);
    runtime.block_on(async {
        let mut client = KvClient::connect(cluster.client_urls()[0].clone())
            .await
            .unwrap()
            .max_decoding_message_size(usize::MAX);
        let all = || RangeRequest { key: "\0".into(), range_end: "\0".into(), ..RangeRequest::default() };
        for request in [
            all(),
            RangeRequest { limit: 700, ..all() },
            RangeRequest { limit: 2000, ..all() },
            RangeRequest { limit: 3, ..all() },
            RangeRequest { count_only: true, ..all() },
            RangeRequest { revision: 900, ..all() },
            RangeRequest { key: "k/7".into(), range_end: "k/8".into(), serializable: true, ..all() },
            RangeRequest { key: "k/7".into(), range_end: "".into(), ..all() },
            RangeRequest { key: "none".into(), range_end: "none0".into(), ..all() },
        ] {
            let one = client.range(request.clone()).await.unwrap().into_inner();
            let many = streamed(&mut client, request.clone()).await;
            assert!(one == many, "{request:?}: {} and {} pairs", one.kvs.len(), many.kvs.len());
        }
        let one = client.range(all()).await.unwrap().into_inner();
        assert_eq!((one.count, one.kvs.len(), one.more), (2000, 2000, false));
        assert!(one.kvs.iter().all(|pair| pair.value.len() == 3000));
        let future = client.range(RangeRequest { revision: 1 << 40, ..all() }).await.unwrap_err();
        assert_eq!(future.code(), Code::OutOfRange);
        let future = client.range_stream(RangeRequest { revision: 1 << 40, ..all() }).await.unwrap_err();
        assert_eq!(future.message(), "etcdserver: mvcc: required revision is a future revision");
    });
}

#[test]
fn a_client_that_does_not_read_costs_little_and_is_given_up() {
    if is_go_3_4() {
        return;
    }
    let cluster = start(cluster(1));
    let runtime = runtime();
    put_many(&runtime, &cluster.client_urls(), "k", 400, 256 << 10);
    // What waits to be written to the disk takes memory of its own, for as long as the disk needs.
    cluster.wait_for_metric(0, "etcd_mvcc_db_total_size_in_bytes", |size| size > 100e6);
    let memory =
        || cluster.member(0).probe().metrics().unwrap().value("process_resident_memory_bytes").unwrap();
    let before = memory();
    runtime.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..10 {
            let mut client = KvClient::connect(cluster.client_urls()[0].clone()).await.unwrap();
            let request =
                RangeRequest { key: "\0".into(), range_end: "\0".into(), ..RangeRequest::default() };
            let mut stream = client.range_stream(request).await.unwrap().into_inner();
            assert!(stream.message().await.unwrap().is_some());
            streams.push((client, stream));
        }
        let grown = memory() - before;
        assert!(grown < 150e6, "10 streams of 100 MiB that wait take {grown} bytes");
        drop(streams);
    });
    // Nothing is left of them: a compaction is not held up.
    let compacted = wait_until("a compaction", Duration::from_secs(60), || {
        runtime.block_on(async {
            let mut client = KvClient::connect(cluster.client_urls()[0].clone()).await.unwrap();
            let request = etcd_proto::etcdserverpb::CompactionRequest { revision: 400, physical: true };
            client.compact(request).await.map(drop).map_err(|status| status.message().to_owned())
        })
    });
    compacted.unwrap();
}
