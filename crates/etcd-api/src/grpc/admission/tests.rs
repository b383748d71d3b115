use etcd_membership::{ClusterId, MemberId};
use http::{HeaderMap, HeaderValue};
use prometheus_client::registry::Registry;

use super::{Admission, admit};
use crate::metrics::{Metrics, encode};
use crate::{Error, Standing};

const LEADER: u64 = 5;

fn check(
    leader: u64,
    is_learner: bool,
    for_learner: bool,
    headers: &[(&'static str, &[u8])],
) -> Result<(), Error> {
    let standing = Standing {
        cluster_id: ClusterId::new(1),
        member_id: MemberId::new(2),
        leader,
        term: 3,
        revision: 4,
        is_learner,
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_bytes(value).expect("a header value"));
    }
    let metrics = Metrics::register(&mut Registry::default());
    admit(&Admission { headers: &map, standing, for_learner, is_stream: false }, &metrics)
}

#[test]
fn learners_serve_little() {
    assert_eq!(check(LEADER, true, false, &[]), Err(Error::NotSupportedForLearner));
    assert_eq!(check(LEADER, true, true, &[]), Ok(()));
    assert_eq!(check(LEADER, false, false, &[]), Ok(()));
}

#[test]
fn a_leader_is_needed_only_when_asked_for() {
    assert_eq!(check(0, false, false, &[]), Ok(()));
    assert_eq!(check(0, false, false, &[("hasleader", b"true")]), Err(Error::NoLeader));
    assert_eq!(check(0, false, false, &[("hasleader", b"false")]), Ok(()));
    assert_eq!(check(LEADER, false, false, &[("hasleader", b"true")]), Ok(()));
}

#[test]
fn a_client_version_is_text() {
    assert_eq!(check(LEADER, false, false, &[("client-api-version", b"3.5")]), Ok(()));
    let bad = check(LEADER, false, false, &[("client-api-version", b"\xff")]);
    assert_eq!(bad, Err(Error::InvalidClientApiVersion));
}

#[test]
fn client_versions_are_counted_in_bounded_space() {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    for number in 0..1000 {
        metrics.count_client(&format!("3.{number}"), false);
    }
    metrics.count_client(&"9".repeat(1000), true);
    metrics.count_client("3.5", true);
    let page = encode(&registry).expect("a page");
    let lines = page.lines().filter(|line| line.starts_with("etcd_server_client_requests_total{"));
    assert_eq!(lines.count(), 2 * 65);
    assert!(page.contains(r#"requests_total{type="unary",client_api_version="other"} 936"#));
    assert!(page.contains(r#"requests_total{type="stream",client_api_version="other"} 1"#));
    assert!(page.contains(r#"requests_total{type="stream",client_api_version="3.5"} 1"#));
}
