//! `--enable-distributed-tracing`, with a collector of OpenTelemetry's own protocol.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};

use etcd_it::{DEADLINE, Server, is_go_3_4, runtime};
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::watch_client::WatchClient;
use etcd_proto::etcdserverpb::{PutRequest, WatchRequest};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::lone::Lone;

/// A span, and what sent it.
struct Seen {
    resource: BTreeMap<String, String>,
    span: Span,
}

struct Collector(Sender<Seen>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for spans in request.into_inner().resource_spans {
            let resource = words(&spans.resource.unwrap_or_default().attributes);
            for span in spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                // The test is over when nobody takes it.
                let _unseen = self.0.send(Seen { resource: resource.clone(), span });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn words(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let word = |attribute: &KeyValue| {
        let value = match attribute.value.as_ref().and_then(|value| value.value.clone()) {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        (attribute.key.clone(), value)
    };
    attributes.iter().map(word).collect()
}

/// A collector, its address, and what it is sent.
fn collect(runtime: &Runtime) -> (String, Receiver<Seen>) {
    let (sender, seen) = channel();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector(sender)));
    let _guard = runtime.enter();
    runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, seen)
}

fn start(lone: &Lone, address: &str, more: &[&str]) -> Server {
    let address = format!("--distributed-tracing-address={address}");
    let arguments = lone.with(&[&["--enable-distributed-tracing", &*address], more].concat());
    let mut server = Server::start_with(&lone.scratch, arguments, &[("OTEL_BSP_SCHEDULE_DELAY", "100")]);
    lone.wait_for_health(&mut server);
    server
}

/// The next span of `method`.
fn span(seen: &Receiver<Seen>, method: &str) -> Seen {
    loop {
        let next = seen.recv_timeout(DEADLINE).expect("a span in time");
        if next.span.name == method {
            return next;
        }
    }
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn put(
    client: &mut KvClient<tonic::transport::Channel>,
    key: &'static str,
    trace: Option<&str>,
) -> Result<(), Status> {
    let mut request = Request::new(PutRequest { key: key.into(), ..PutRequest::default() });
    if let Some(trace) = trace {
        request.metadata_mut().insert("traceparent", trace.parse().unwrap());
    }
    client.put(request).await.map(drop)
}

/// Calls that belong to a sampled trace are told of, whatever the rate; others only by the rate.
#[test]
fn spans_belong_to_the_traces_of_their_callers() {
    if is_go_3_4() {
        return;
    }
    let runtime = runtime();
    let (address, seen) = collect(&runtime);
    let lone = Lone::new();
    let names = ["--distributed-tracing-service-name=keys", "--distributed-tracing-instance-id=k-1"];
    let server = start(&lone, &address, &names);
    runtime.block_on(async {
        let mut client = KvClient::connect(lone.spec.client_url()).await.unwrap();
        put(&mut client, "a", None).await.unwrap();
        put(&mut client, "b", Some(&format!("00-{TRACE}-{PARENT}-00"))).await.unwrap();
        put(&mut client, "c", Some(&format!("00-{TRACE}-{PARENT}-01"))).await.unwrap();
        put(&mut client, "", Some(&format!("00-{TRACE}-{PARENT}-01"))).await.unwrap_err();
    });
    let Seen { resource, span } = span(&seen, "etcdserverpb.KV/Put");
    assert_eq!(hex(&span.trace_id), TRACE);
    assert_eq!(hex(&span.parent_span_id), PARENT);
    assert_eq!(span.kind, 2, "it is a server's");
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    let attributes = words(&span.attributes);
    for (key, value) in [
        ("rpc.system", "grpc"),
        ("rpc.service", "etcdserverpb.KV"),
        ("rpc.method", "Put"),
        ("rpc.grpc.status_code", "0"),
    ] {
        assert_eq!(attributes.get(key).map(String::as_str), Some(value), "{attributes:?}");
    }
    assert_eq!(resource.get("service.name").map(String::as_str), Some("keys"));
    assert_eq!(resource.get("service.instance.id").map(String::as_str), Some("k-1"));

    let refused = self::span(&seen, "etcdserverpb.KV/Put").span;
    assert_eq!(words(&refused.attributes).get("rpc.grpc.status_code").map(String::as_str), Some("3"));
    assert!(
        refused.status.is_none_or(|status| status.code == StatusCode::Unset as i32),
        "the client's mistake"
    );
    assert!(server.output().contains("distributed tracing is enabled"));
}

/// A stream is one span, which ends with it; and spans that wait are sent before the member stops.
#[test]
fn every_call_is_told_of_at_the_highest_rate() {
    if is_go_3_4() {
        return;
    }
    let runtime = runtime();
    let (address, seen) = collect(&runtime);
    let lone = Lone::new();
    let server = start(&lone, &address, &["--distributed-tracing-sampling-rate=1000000"]);
    runtime.block_on(async {
        let mut client = KvClient::connect(lone.spec.client_url()).await.unwrap();
        put(&mut client, "a", None).await.unwrap();
        let mut watch = WatchClient::connect(lone.spec.client_url()).await.unwrap();
        let requests = tokio_stream::empty::<WatchRequest>();
        let _stream = watch.watch(requests).await.unwrap();
    });
    let put = span(&seen, "etcdserverpb.KV/Put");
    assert!(put.span.parent_span_id.is_empty(), "it is the first of its trace");
    assert_eq!(put.resource.get("service.name").map(String::as_str), Some("etcd"));
    assert!(!put.resource.contains_key("service.instance.id"));
    let watch = span(&seen, "etcdserverpb.Watch/Watch").span;
    assert_eq!(
        words(&watch.attributes).get("rpc.grpc.status_code").map(String::as_str),
        Some("1"),
        "cancelled"
    );

    server.signal(etcd_testkit::Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
}

/// Nobody listens: the member works, and stops in time.
#[test]
fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    if is_go_3_4() {
        return;
    }
    let port = etcd_testkit::reserve_ports(1).unwrap();
    let lone = Lone::new();
    let address = format!("127.0.0.1:{}", port[0].get());
    let server = start(&lone, &address, &["--distributed-tracing-sampling-rate=1000000"]);
    runtime().block_on(async {
        let mut client = KvClient::connect(lone.spec.client_url()).await.unwrap();
        put(&mut client, "a", None).await.unwrap();
    });
    server.signal(etcd_testkit::Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
    let ended = Server::start(
        &Lone::new().scratch,
        lone.with(&["--enable-distributed-tracing", "--distributed-tracing-address=a b"]),
    )
    .wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("--distributed-tracing-address"), "{}", ended.stderr);
}
