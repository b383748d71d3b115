//! gRPC requests that are too large, of the wrong shape, or for nobody.

use etcd_it::{is_go_3_4, runtime};
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcd_proto::etcdserverpb::{
    AlarmRequest, CompactionRequest, Compare, PutRequest, RangeRequest, RangeResponse, TxnRequest,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, GrpcMethod, Request, Status};
use tonic_prost::ProstCodec;

use crate::lone::Lone;

/// Calls any method with a message that looks like any other.
async fn call(
    channel: &Channel,
    path: &'static str,
    message: CompactionRequest,
) -> Result<RangeResponse, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let mut request = Request::new(message);
    request.extensions_mut().insert(GrpcMethod::new("etcdserverpb.KV", "Range"));
    let path = tonic::codegen::http::uri::PathAndQuery::from_static(path);
    let codec: ProstCodec<CompactionRequest, RangeResponse> = ProstCodec::default();
    client.unary(request, path, codec).await.map(tonic::Response::into_inner)
}

#[test]
fn requests_that_are_too_large() {
    let lone = Lone::new();
    let mut server = lone.start();
    runtime().block_on(async {
        let mut client = KvClient::connect(lone.spec.client_url()).await.unwrap();
        let put =
            |size| PutRequest { key: "k".into(), value: vec![b'x'; size].into(), ..PutRequest::default() };
        client.put(put(1_500_000)).await.unwrap();
        // Above --max-request-bytes (1.5 MiB) the proposal is refused, above 512 KiB more the message.
        let status = client.put(put(1_600_000)).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "etcdserver: request is too large")
        );
        for size in [2_200_000, 20_000_000] {
            let status = client.put(put(size)).await.unwrap_err();
            // The server may hang up before it has heard it all.
            let refused = status.code() == Code::ResourceExhausted
                || (size > 10_000_000
                    && matches!(status.code(), Code::Unknown | Code::Unavailable | Code::Internal));
            assert!(refused, "{size}: {status:?}");
        }
        let mut client = KvClient::connect(lone.spec.client_url()).await.unwrap();
        client.put(put(1)).await.unwrap();
    });
    lone.wait_for_health(&mut server);
}

#[test]
fn max_request_bytes_is_the_limit() {
    let lone = Lone::new();
    let _server = lone.start_with(&["--max-request-bytes=1000"]);
    runtime().block_on(async {
        let mut client = KvClient::connect(lone.spec.client_url()).await.unwrap();
        let put =
            |size| PutRequest { key: "k".into(), value: vec![b'x'; size].into(), ..PutRequest::default() };
        client.put(put(900)).await.unwrap();
        let status = client.put(put(1000)).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "etcdserver: request is too large")
        );
    });
}

#[test]
fn wrong_methods_messages_and_enum_values() {
    let lone = Lone::new();
    let mut server = lone.start();
    runtime().block_on(async {
        let channel = Endpoint::from_shared(lone.spec.client_url()).unwrap().connect().await.unwrap();
        let message = || CompactionRequest { revision: 5, physical: true };
        // Field 1 of a range is bytes, not a number.
        let status = call(&channel, "/etcdserverpb.KV/Range", message()).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status:?}");
        for path in
            ["/etcdserverpb.KV/Nothing", "/nothing.Nobody/Nothing", "/grpc.reflection.v1.ServerReflection/X"]
        {
            let status = call(&channel, path, message()).await.unwrap_err();
            assert_eq!(status.code(), Code::Unimplemented, "{path}: {status:?}");
        }

        let mut kv = KvClient::new(channel.clone());
        for (result, target) in [(99, 0), (0, 99), (-1, -1), (i32::MAX, i32::MIN)] {
            // etcd has no error for these; whatever the answer is, it is one.
            let compare = Compare { result, target, key: "k".into(), ..Compare::default() };
            let txn = TxnRequest { compare: vec![compare], success: vec![], failure: vec![] };
            let outcome = kv.txn(txn).await.map(|answer| answer.into_inner().succeeded);
            let refused = outcome.as_ref().err().is_some_and(|status| status.code() == Code::InvalidArgument);
            assert!(outcome.is_ok() || refused, "{result} {target}: {outcome:?}");
        }
        let range = |limit| RangeRequest { key: "k".into(), limit, ..RangeRequest::default() };
        assert!(!kv.range(range(-1)).await.unwrap().into_inner().more, "no limit");
        assert!(!kv.range(range(i64::MIN)).await.unwrap().into_inner().more, "no limit");

        let mut maintenance = MaintenanceClient::new(channel);
        let alarm = AlarmRequest { action: 77, alarm: 77, ..AlarmRequest::default() };
        if !is_go_3_4() {
            // 3.4 panics in every member of the cluster.
            let outcome = maintenance.alarm(alarm).await;
            assert!(outcome.is_err() || outcome.is_ok_and(|answer| answer.into_inner().alarms.is_empty()));
        }
    });
    lone.wait_for_health(&mut server);
}
