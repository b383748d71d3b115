use super::{Inflight, unknown};
use crate::Error;

#[test]
fn large_requests_share_a_limit() {
    let inflight = Inflight::new(300 << 10);
    assert!(inflight.reserve(64 << 10).unwrap().is_none(), "small ones are not counted");
    let first = inflight.reserve(200 << 10).unwrap();
    assert_eq!(inflight.reserve(200 << 10).unwrap_err(), Error::TooManyRequests);
    let second = inflight.reserve(100 << 10).unwrap();
    assert!(first.is_some() && second.is_some());
    drop(first);
    assert!(inflight.reserve(200 << 10).is_ok());
    assert_eq!(inflight.reserve(usize::MAX).unwrap_err(), Error::TooManyRequests);
}

#[test]
fn calls_that_nobody_serves() {
    let check = |path: &str, text: &str| assert_eq!(unknown(path).message(), text);
    check("/etcdserverpb.KV/Rnage", "unknown method Rnage for service etcdserverpb.KV");
    check("/etcdserverpb.Watch/Look", "unknown method Look for service etcdserverpb.Watch");
    check("/a/b/c", "unknown service a/b");
    check("/nothing", "malformed method name: \"/nothing\"");
    check("*", "malformed method name: \"*\"");
}
