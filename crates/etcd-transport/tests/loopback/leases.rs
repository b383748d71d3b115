//! Questions about leases: asked, answered, refused, and asked of strangers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use etcd_proto::etcdserverpb::{LeaseKeepAliveRequest, LeaseTimeToLiveResponse};
use etcd_proto::prost::Message as _;
use etcd_transport::{LeaseNode, LeaseQuestionError, LeaseRefusal, Limits, Security, lease_routes, serve};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::raw::ask;
use crate::support::{TestMember, silent};

const PATIENCE: Duration = Duration::from_secs(10);

/// Knows the lease 7, refuses 8 and 9, and has never heard of others.
struct Book;

fn refusal(id: i64) -> LeaseRefusal {
    match id {
        8 => LeaseRefusal::NotPrimary,
        9 => LeaseRefusal::Behind,
        _ => LeaseRefusal::NotFound,
    }
}

#[async_trait]
impl LeaseNode for Book {
    async fn renew(&self, id: i64) -> Result<i64, LeaseRefusal> {
        if id == 7 { Ok(60) } else { Err(refusal(id)) }
    }

    async fn time_to_live(&self, id: i64, keys: bool) -> Result<LeaseTimeToLiveResponse, LeaseRefusal> {
        if id != 7 {
            return Err(refusal(id));
        }
        let keys = if keys { vec!["a".into(), vec![b'b'; 1 << 20].into()] } else { Vec::new() };
        Ok(LeaseTimeToLiveResponse { header: None, id, ttl: 30, granted_ttl: 60, keys })
    }
}

async fn leader(drain: &CancellationToken, limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (routes, end) = (lease_routes(Arc::new(Book)), drain.clone().cancelled_owned());
    tokio::spawn(serve(listener, routes, Security::Plain, limits, end));
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leader_is_asked_over_kept_connections() {
    let drain = CancellationToken::new();
    let url = format!("http://{}/", leader(&drain, Limits::default()).await);
    let member = TestMember::start(1).await;
    let client = member.transport.lease_client();
    for _ in 0..3 {
        assert_eq!(client.renew(&url, 7, PATIENCE).await.unwrap(), 60);
        let found = client.time_to_live(&url, 7, true, PATIENCE).await.unwrap();
        assert_eq!((found.id, found.ttl, found.granted_ttl, found.keys.len()), (7, 30, 60, 2));
        assert_eq!(client.time_to_live(&url, 7, false, PATIENCE).await.unwrap().keys, [""; 0]);
    }
    for id in [1, 8, 9] {
        let renewed = client.renew(&url, id, PATIENCE).await;
        assert!(
            matches!(renewed, Err(LeaseQuestionError::Refused(found)) if found == refusal(id)),
            "{renewed:?}"
        );
        let left = client.time_to_live(&url, id, true, PATIENCE).await;
        assert!(matches!(left, Err(LeaseQuestionError::Refused(found)) if found == refusal(id)), "{left:?}");
    }
    drain.cancel();
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_leader_closed_is_no_answer() {
    let drain = CancellationToken::new();
    let limits = Limits { header_timeout: Duration::from_secs(1), ..Limits::default() };
    let address = leader(&drain, limits).await;
    let url = format!("http://{address}");
    let member = TestMember::start(1).await;
    let client = member.transport.lease_client();
    assert_eq!(client.renew(&url, 7, PATIENCE).await.unwrap(), 60);
    // The leader closes idle connections after a second; a second client sees when.
    let mut idle = crate::raw::Raw::open(address, b"").await;
    assert!(idle.write(b"").await.is_ok());
    idle.rest().await;
    assert_eq!(client.renew(&url, 7, PATIENCE).await.unwrap(), 60);
    drain.cancel();
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_there_or_no_leader_is_an_error() {
    let member = TestMember::start(1).await;
    let client = member.transport.lease_client();
    let error = client.renew("http://127.0.0.1:1", 7, PATIENCE).await.unwrap_err();
    assert_eq!(error.to_string(), "connection refused");
    assert!(matches!(client.renew("127.0.0.1", 7, PATIENCE).await, Err(LeaseQuestionError::Url(_))));
    let (_port, url) = silent().await;
    let error = client.renew(&url, 7, Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(error.to_string(), "the peer did not answer in time");
    // A peer port without these paths.
    let error = client.renew(&member.url(), 7, PATIENCE).await.unwrap_err();
    assert_eq!(error.to_string(), "unexpected answer 404 Not Found: 404 page not found");
    member.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_etcd() {
    let drain = CancellationToken::new();
    let address = leader(&drain, Limits::default()).await;
    let renew = |id| LeaseKeepAliveRequest { id }.encode_to_vec();
    for (line, body, status, want) in [
        ("GET /leases", Vec::new(), 405, "Method Not Allowed\n"),
        ("POST /leases", vec![0xff], 400, "error unmarshalling request\n"),
        ("POST /leases/internal", vec![0xff], 400, "error unmarshalling request\n"),
        ("POST /leases", vec![0; 70 << 10], 413, "request body too large\n"),
        ("POST /leases", renew(1), 404, "lease not found\n"),
        ("POST /leases", renew(8), 400, "not a primary lessor\n"),
        ("POST /leases", renew(9), 408, "waiting for node to catch up its applied index has timed out\n"),
        ("POST /leases/internal", Vec::new(), 404, "lease not found\n"),
        ("POST /leases", renew(7), 200, "\u{10}\u{7}\u{18}<"),
    ] {
        let (found, head, said) = ask(address, line, &[], &body).await;
        assert_eq!((found, said.as_str()), (status, want), "{line}: {head}");
        let kind = if status == 200 { "application/protobuf" } else { "text/plain; charset=utf-8" };
        assert!(head.contains(&format!("content-type: {kind}")), "{head}");
    }
    drain.cancel();
}
