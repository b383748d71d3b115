use http::{HeaderMap, StatusCode};

use super::{ExchangeError, meaning};
use crate::identity::{CLUSTER_ID, insert};

fn check(status: u16, body: &str, want: &str) -> ExchangeError {
    let mut headers = HeaderMap::new();
    insert(&mut headers, CLUSTER_ID, "beef");
    let error = meaning(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes());
    assert_eq!(error.to_string(), want, "{status} {body}");
    error
}

#[test]
fn refusals_have_a_meaning() {
    let removed = "the member has been permanently removed from the cluster";
    check(410, "removed member\n", removed);
    check(403, r#"{"message":"cannot process message from removed member"}"#, removed);
    check(404, "error sender not found\n", "the peer does not know this member");
    check(412, "incompatible version\n", "incompatible version");
    let mismatch = check(412, "cluster ID mismatch\n", "cluster ID mismatch");
    let ExchangeError::ClusterMismatch { theirs: Some(theirs) } = mismatch else { panic!("{mismatch:?}") };
    assert_eq!(theirs.get(), 0xbeef);
}

#[test]
fn a_message_for_another_member_is_no_removal() {
    // etcd 3.6 and later answer so: this member is not removed, its idea of the peer is old.
    let said = r#"{"message":"cannot process message to mismatch member"}"#;
    let error = check(403, said, &format!("unexpected answer 403 Forbidden: {said}"));
    assert!(matches!(error, ExchangeError::Status { .. }));
}

#[test]
fn what_a_peer_says_is_cut_short() {
    let error = meaning(StatusCode::BAD_GATEWAY, &HeaderMap::new(), &[b'x'; 5000]);
    assert!(error.to_string().len() < 300);
}
