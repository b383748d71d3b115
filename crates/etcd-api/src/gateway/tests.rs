use std::collections::BTreeSet;

use etcd_proto::schema::METHODS;
use http::{HeaderMap, HeaderValue};

use super::{CALLS, ROUTES, call_headers, is_gateway_path};

#[test]
fn every_call_but_one_has_a_path() {
    assert_eq!(CALLS.len(), ROUTES.len(), "a path is there twice, or its call does not exist");
    let routed: BTreeSet<&str> = ROUTES.iter().map(|(_, call)| *call).collect();
    let missing: Vec<&str> =
        METHODS.iter().map(|method| method.path).filter(|path| !routed.contains(path)).collect();
    assert_eq!(missing, ["/etcdserverpb.KV/RangeStream"], "etcd serves that one over gRPC alone");
}

#[test]
fn only_two_prefixes_are_the_gateways() {
    for (path, expected) in
        [("/v3/kv/range", true), ("/v3beta/x", true), ("/v3alpha/kv/range", false), ("/v3", false)]
    {
        assert_eq!(is_gateway_path(path), expected, "{path}");
    }
}

#[test]
fn tokens_and_named_metadata_reach_the_call() {
    let mut from = HeaderMap::new();
    for (name, value) in [
        ("authorization", "t"),
        ("grpc-timeout", "1S"),
        ("grpc-metadata-hasleader", "true"),
        ("grpc-metadata-content-type", "text/plain"),
        ("content-type", "application/json"),
        ("x-else", "1"),
    ] {
        from.insert(name, HeaderValue::from_static(value));
    }
    let mut found: Vec<(String, String)> = call_headers(&from)
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    found.sort();
    let found: Vec<(&str, &str)> =
        found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("authorization", "t"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", "1S"),
        ("hasleader", "true"),
        ("te", "trailers"),
    ];
    assert_eq!(found, expected);
}
