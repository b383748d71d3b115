//! Every row of etcd's table, written down a second time.

use tonic::{Code, Status};

use super::Error;

/// Code, then the texts that go with it, without their common prefix.
const ROWS: &[(Code, &[&str])] = &[
    (
        Code::InvalidArgument,
        &[
            "key is not provided",
            "key not found",
            "value is provided",
            "lease is provided",
            "too many operations in txn request",
            "duplicate key given in txn request",
            "invalid client api version",
            "invalid sort option",
            "given member URLs are invalid",
            "request is too large",
            "user name is empty",
            "role name is empty",
            "authentication failed, invalid user ID or password",
            "permission not given",
            "invalid auth management",
            "revision of auth store is old",
            "wrong downgrade target version format",
            "invalid downgrade target version",
        ],
    ),
    (
        Code::OutOfRange,
        &[
            "mvcc: required revision has been compacted",
            "mvcc: required revision is a future revision",
            "too large lease TTL",
        ],
    ),
    (Code::ResourceExhausted, &["mvcc: database space exceeded", "too many requests"]),
    (Code::NotFound, &["requested lease not found", "member not found"]),
    (
        Code::FailedPrecondition,
        &[
            "lease already exists",
            "member ID already exist",
            "Peer URLs already exists",
            "re-configuration failed due to not enough started members",
            "can only promote a learner member",
            "can only promote a learner member which is in sync with leader",
            "too many learner members in cluster",
            "cluster ID mismatch",
            "root user does not exist",
            "root user does not have root role",
            "user name already exists",
            "user name not found",
            "role name already exists",
            "role name not found",
            "role is not granted to the user",
            "permission is not granted to the role",
            "authentication is not enabled",
            "not leader",
            "not capable",
            "rpc not supported for learner",
            "bad leader transferee",
            "cluster version not found during downgrade",
            "cluster has a downgrade job in progress",
            "no inflight downgrade job",
        ],
    ),
    (Code::PermissionDenied, &["permission denied"]),
    (Code::Unauthenticated, &["invalid auth token"]),
    (
        Code::Unavailable,
        &[
            "no leader",
            "leader changed",
            "server stopped",
            "request timed out",
            "request timed out, possibly due to previous leader failure",
            "request timed out, possibly due to connection lost",
            "request timed out, waiting for the applied index took too long",
            "unhealthy cluster",
        ],
    ),
    (Code::DataLoss, &["corrupt cluster"]),
    (Code::Cancelled, &["watch canceled", "request canceled"]),
    (Code::DeadlineExceeded, &["context deadline exceeded"]),
];

#[test]
fn every_row_has_its_code_and_text() {
    let mut expected: Vec<(i32, String)> = Vec::new();
    for (code, texts) in ROWS {
        expected.extend(texts.iter().map(|text| (*code as i32, format!("etcdserver: {text}"))));
    }
    let mut found: Vec<(i32, String)> =
        Error::TABLE.iter().map(|error| (error.code() as i32, error.to_string())).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_status_has_the_text_and_no_details() {
    for error in Error::TABLE {
        let status = Status::from(error.clone());
        assert_eq!(status.code(), error.code());
        assert_eq!(status.message(), error.to_string());
        assert!(status.details().is_empty());
    }
}

#[test]
fn what_is_not_in_the_table_is_unknown() {
    let error = Error::Unknown("disk on fire".into());
    assert_eq!((error.code(), error.to_string().as_str()), (Code::Unknown, "disk on fire"));
    let error = Error::NotAvailable("MemberAdd");
    assert_eq!(error.code(), Code::Unimplemented);
    assert_eq!(error.to_string(), "etcdserver: MemberAdd is not available in this version");
}
