//! What no honest client sends. The server answers properly, or closes, and goes on serving.

use std::time::Duration;

use bytes::Bytes;
use etcd_api::{Options, ServeOptions, Workers};
use etcd_proto::etcdserverpb::kv_client::KvClient;
use etcd_proto::etcdserverpb::{PutRequest, PutResponse, RangeRequest};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};

use crate::raw::{Answer, PATIENCE, exchange, http, read_to_end};
use crate::server::Server;

/// Options under which a client must hurry.
fn hasty() -> ServeOptions {
    let mut options = ServeOptions::default();
    options.header_read_timeout = Duration::from_millis(100);
    options
}

async fn assert_serves(server: &Server) {
    let mut kv = KvClient::new(server.channel().await);
    let get = RangeRequest { key: "k".into(), ..RangeRequest::default() };
    kv.range(get).await.expect("the server still serves");
}

/// Sends one HTTP/2 request as it is; answers the HTTP status and, for gRPC, code and text.
async fn call(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static [u8],
) -> (u16, Option<(Code, String)>) {
    let stream = TcpStream::connect(server.address).await.expect("the server listens");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("HTTP/2 is spoken");
    let connection = tokio::spawn(connection);
    let mut request = http::Request::post(format!("http://etcd{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from_static(body))).expect("a valid request");
    let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
    let rest = body.collect().await.expect("a whole body");
    let trailers = rest.trailers().cloned().unwrap_or_default();
    let status =
        tonic::Status::from_header_map(&head.headers).or_else(|| tonic::Status::from_header_map(&trailers));
    connection.abort();
    (head.status.as_u16(), status.map(|status| (status.code(), status.message().to_owned())))
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

#[tokio::test]
async fn damaged_calls_get_a_grpc_status() {
    let server = Server::start().await;
    let put = "/etcdserverpb.KV/Put";
    let check = async |path: &str, headers: &[(&str, &str)], body: &'static [u8], code: Code, text: &str| {
        let (http, status) = call(&server, path, headers, body).await;
        let (found, message) = status.expect("a gRPC status");
        assert_eq!((http, found), (200, code), "{message}");
        assert!(message.contains(text), "{message}");
    };
    check(put, &[GRPC], b"\0\0\0\0\x03\x0a\xffk", Code::Internal, "grpc: error unmarshalling request: ")
        .await;
    check(put, &[GRPC], b"\0\0\0\0\x09ab", Code::Internal, "ends inside its message").await;
    check(put, &[GRPC], b"", Code::Internal, "carries no message").await;
    check(put, &[GRPC], b"\0\0\0\0\0\0\0\0\0\0", Code::Internal, "more than one message").await;
    check(put, &[GRPC], b"\0\0\0\0\0", Code::InvalidArgument, "key is not provided").await;
    check(put, &[GRPC], b"\x01\0\0\0\0", Code::Unimplemented, "decompressor").await;
    check(put, &[GRPC], b"\0\xff\xff\xff\xff", Code::ResourceExhausted, "(4294967295 vs. 2097152)").await;
    let gzip = [GRPC, ("grpc-encoding", "gzip")];
    check(put, &gzip, b"\0\0\0\0\0", Code::Unimplemented, "grpc-encoding \"gzip\"").await;
    check(put, &[GRPC, ("grpc-timeout", "soon")], b"\0\0\0\0\0", Code::Internal, "malformed grpc-timeout")
        .await;
    check("/nothing", &[GRPC], b"", Code::Unimplemented, "malformed method name: \"/nothing\"").await;
    check("/a.B/C", &[GRPC], b"", Code::Unimplemented, "unknown service a.B").await;
    check("/etcdserverpb.KV/C", &[GRPC], b"", Code::Unimplemented, "unknown method C").await;
    assert_eq!(
        call(&server, put, &[], b"\0\0\0\0\0").await,
        (404, None),
        "without its content type it is HTTP"
    );
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_deadline_ends_a_call() {
    let server = Server::start().await;
    server.memory.state().stuck_key = Some("k".into());
    let headers = [GRPC, ("grpc-timeout", "50m")];
    let answer = call(&server, "/etcdserverpb.KV/Range", &headers, b"\0\0\0\0\x03\x0a\x01k").await;
    let text = "etcdserver: context deadline exceeded".to_owned();
    assert_eq!(answer, (200, Some((Code::DeadlineExceeded, text))));
}

#[tokio::test]
async fn a_client_version_that_is_no_text_is_refused() {
    let server = Server::start().await;
    let mut kv = KvClient::new(server.channel().await);
    let mut request = Request::new(RangeRequest { key: "k".into(), ..RangeRequest::default() });
    let version = http::HeaderValue::from_bytes(b"3.\xff").expect("HTTP allows it");
    let metadata = tonic::metadata::MetadataMap::from_headers(http::HeaderMap::from_iter([(
        http::HeaderName::from_static("client-api-version"),
        version,
    )]));
    *request.metadata_mut() = metadata;
    let status = kv.range(request).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "etcdserver: invalid client api version")
    );
}

#[tokio::test]
async fn two_messages_in_one_unary_call_are_refused() {
    let server = Server::start().await;
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    grpc.ready().await.expect("a connection");
    let put = || PutRequest { key: "k".into(), ..PutRequest::default() };
    let path = http::uri::PathAndQuery::from_static("/etcdserverpb.KV/Put");
    let codec = tonic_prost::ProstCodec::<PutRequest, PutResponse>::default();
    let stream = tokio_stream::iter([put(), put()]);
    let status = grpc.client_streaming(Request::new(stream), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status}");
    assert_eq!(server.memory.state().revision, 1);
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up() {
    let mut options = Options::default();
    options.request_read_timeout = Duration::from_millis(100);
    let server = Server::start_with(options, ServeOptions::default(), &Workers::default()).await;
    let mut grpc = tonic::client::Grpc::new(server.channel().await);
    grpc.ready().await.expect("a connection");
    let path = http::uri::PathAndQuery::from_static("/etcdserverpb.KV/Put");
    let codec = tonic_prost::ProstCodec::<PutRequest, PutResponse>::default();
    let stream = tokio_stream::pending::<PutRequest>();
    let answer = tokio::time::timeout(PATIENCE, grpc.client_streaming(Request::new(stream), path, codec));
    let status = answer.await.expect("an answer in time").unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::DeadlineExceeded, "the request was not sent in time")
    );
}

#[tokio::test]
async fn garbage_is_answered_as_bad_http_or_not_at_all() {
    let server = Server::start().await;
    for bytes in [
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
        b"HELO etcd\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nthis is not a frame of HTTP/2, is it?",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x04\0\0\0\0\0",
    ] {
        let answer = exchange(server.address, bytes).await;
        let refused = !answer.starts_with("HTTP/") || (400..=505).contains(&Answer::parse(&answer).status);
        assert!(refused, "{bytes:?}: {answer}");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn headers_are_bounded() {
    let server = Server::start().await;
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = Answer::parse(&exchange(server.address, long.as_bytes()).await);
    // The connection may be reset before the answer is read, since the request is not read to its end.
    assert!([0, 431].contains(&answer.status), "{answer:?}");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5000));
    assert_eq!(Answer::parse(&exchange(server.address, many.as_bytes()).await).status, 431);
    let mut kv = KvClient::new(server.channel().await);
    let mut request = Request::new(RangeRequest { key: "k".into(), ..RangeRequest::default() });
    let value = MetadataValue::try_from("x".repeat(100 << 10)).expect("a valid value");
    request.metadata_mut().insert("x", value);
    assert!(kv.range(request).await.is_err());
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_client_that_does_not_begin_is_disconnected() {
    let server = Server::start_with(Options::default(), hasty(), &Workers::default()).await;
    for begun in ["", "G", "GET /health HTTP/1.1\r\nHost:", "PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
        stream.write_all(begun.as_bytes()).await.expect("the server reads");
        let answer = read_to_end(&mut stream).await;
        assert!(answer.is_empty() || Answer::parse(&answer).status == 408, "{begun:?}: {answer}");
    }
}

#[tokio::test]
async fn connections_are_bounded() {
    let mut options = ServeOptions::default();
    options.max_connections = 1;
    let server = Server::start_with(Options::default(), options, &Workers::default()).await;
    let first = TcpStream::connect(server.address).await.expect("the listener's queue has room");
    let second = tokio::spawn(http(server.address, "GET", "/version"));
    let early = tokio::time::timeout(Duration::from_millis(50), async {
        while !second.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    assert!(early.await.is_err(), "the second waits");
    drop(first);
    let answer =
        tokio::time::timeout(PATIENCE, second).await.expect("the second is let in").expect("no panic");
    assert_eq!(answer.status, 200);
}
