use bytes::Bytes;
use etcd_auth::Identity;
use etcd_proto::authpb::{self, UserAddOptions};
use etcd_proto::etcdserverpb::{
    AuthDisableRequest, AuthEnableRequest, AuthRoleAddRequest, AuthRoleGrantPermissionRequest,
    AuthStatusRequest, AuthUserAddRequest, AuthUserChangePasswordRequest, AuthUserDeleteRequest,
    AuthUserGrantRoleRequest, Compare, DeleteRangeRequest, InternalAuthenticateRequest, InternalRaftRequest,
    PutRequest, RangeRequest, RequestHeader, RequestOp, TxnRequest, request_op,
};
use etcd_proto::prost::Message as _;
use etcd_storage::{Bucket, Options};

use super::*;
use crate::envelope::{Envelope, Request};

struct Fixture {
    dir: tempfile::TempDir,
    storage: Storage,
    state: AuthState,
    index: u64,
    events: Vec<String>,
}

fn open(dir: &tempfile::TempDir) -> (Storage, AuthState) {
    let storage = Storage::open(Options::new(dir.path().join("db"))).unwrap();
    let state = AuthState::open(&storage).unwrap();
    (storage, state)
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (storage, state) = open(&dir);
        Self { dir, storage, state, index: 0, events: Vec::new() }
    }

    fn apply(&mut self, request: AuthRequest) -> Result<crate::Response, AuthError> {
        self.index += 1;
        let mut batch = Batch::new(self.index);
        let events = &mut self.events;
        let outcome = self
            .state
            .apply(&request, self.index, &mut batch, &mut |event| events.push(format!("{event:?}")));
        self.storage.write(batch).unwrap();
        outcome
    }

    /// Root, and ann, who may read and write `a`, and read `b`.
    fn with_users() -> Self {
        let mut fixture = Self::new();
        for name in ["root", "ann"] {
            fixture.apply(add_user(name, &hashed())).unwrap();
        }
        fixture.apply(grant("root", "root")).unwrap();
        fixture.apply(AuthRequest::RoleAdd(AuthRoleAddRequest { name: "letters".into() })).unwrap();
        for (perm_type, key) in [(2, "a"), (0, "b")] {
            let perm = authpb::Permission { perm_type, key: key.into(), range_end: Bytes::new() };
            let request = AuthRoleGrantPermissionRequest { name: "letters".into(), perm: Some(perm) };
            fixture.apply(AuthRequest::RoleGrantPermission(request)).unwrap();
        }
        fixture.apply(grant("ann", "letters")).unwrap();
        fixture.apply(AuthRequest::Enable(AuthEnableRequest {})).unwrap();
        fixture
    }

    fn permit(&self, user: &str, request: Request) -> Result<(), AuthError> {
        let who = (!user.is_empty()).then(|| Identity::new(user, self.state.revision()));
        let lease_keys = |lease| match lease {
            1 => vec![Bytes::from("a")],
            2 => vec![Bytes::from("a"), Bytes::from("z")],
            _ => Vec::new(),
        };
        self.state.permit(&Envelope { id: 1, who, request }, &lease_keys)
    }
}

/// `hash`, as entries carry hashes.
fn hashed() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode("hash")
}

fn add_user(name: &str, hashed_password: &str) -> AuthRequest {
    AuthRequest::UserAdd(AuthUserAddRequest {
        name: name.into(),
        hashed_password: hashed_password.into(),
        ..AuthUserAddRequest::default()
    })
}

fn grant(user: &str, role: &str) -> AuthRequest {
    AuthRequest::UserGrantRole(AuthUserGrantRoleRequest { user: user.into(), role: role.into() })
}

fn log_in(name: &str) -> AuthRequest {
    AuthRequest::Authenticate(InternalAuthenticateRequest {
        name: name.into(),
        password: String::new(),
        simple_token: "letters".into(),
    })
}

fn put(key: &'static str) -> PutRequest {
    PutRequest { key: key.into(), ..PutRequest::default() }
}

fn txn(op: request_op::Request) -> TxnRequest {
    TxnRequest { failure: vec![RequestOp { request: Some(op) }], ..TxnRequest::default() }
}

#[test]
fn entries_are_checked_key_by_key() {
    let fixture = Fixture::with_users();
    let denied = Err(AuthError::PermissionDenied);
    let delete =
        |key: &'static str, prev_kv| DeleteRangeRequest { key: key.into(), prev_kv, ..Default::default() };
    let range = |key: &'static str| RangeRequest { key: key.into(), ..RangeRequest::default() };
    let compare = |key: &'static str| Compare { key: key.into(), ..Compare::default() };
    let cases: Vec<(&str, Request, Result<(), AuthError>)> = vec![
        ("put", Request::Put(put("a")), Ok(())),
        ("put of another's", Request::Put(put("b")), denied),
        ("put with the old value", Request::Put(PutRequest { prev_kv: true, ..put("a") }), Ok(())),
        ("put on an own lease", Request::Put(PutRequest { lease: 1, ..put("a") }), Ok(())),
        ("put on another's lease", Request::Put(PutRequest { lease: 2, ..put("a") }), denied),
        ("delete", Request::DeleteRange(delete("a", true)), Ok(())),
        ("delete of another's", Request::DeleteRange(delete("b", false)), denied),
        (
            "delete of more",
            Request::DeleteRange(DeleteRangeRequest { range_end: "b".into(), ..delete("a", false) }),
            denied,
        ),
        ("nested read", Request::Txn(txn(request_op::Request::RequestRange(range("b")))), Ok(())),
        (
            "nested read of another's",
            Request::Txn(txn(request_op::Request::RequestRange(range("c")))),
            denied,
        ),
        ("nested put of another's", Request::Txn(txn(request_op::Request::RequestPut(put("b")))), denied),
        (
            "put two levels down",
            Request::Txn(txn(request_op::Request::RequestTxn(txn(request_op::Request::RequestPut(put(
                "b",
            )))))),
            denied,
        ),
        (
            "nested put on another's lease",
            Request::Txn(txn(request_op::Request::RequestPut(PutRequest { lease: 2, ..put("a") }))),
            denied,
        ),
        (
            "nested delete of another's",
            Request::Txn(txn(request_op::Request::RequestDeleteRange(delete("b", false)))),
            denied,
        ),
        ("compare", Request::Txn(TxnRequest { compare: vec![compare("b")], ..Default::default() }), Ok(())),
        (
            "compare with another's",
            Request::Txn(TxnRequest { compare: vec![compare("c")], ..Default::default() }),
            denied,
        ),
        ("change of users", Request::Auth(add_user("bob", "")), denied),
        ("login", Request::Auth(log_in("ann")), Ok(())),
        ("status", Request::Auth(AuthRequest::Status(AuthStatusRequest {})), Ok(())),
    ];
    for (what, request, expected) in cases {
        assert_eq!(fixture.permit("ann", request.clone()), expected, "{what}");
        assert_eq!(fixture.permit("root", request.clone()), Ok(()), "{what} by root");
        let open = matches!(&request, Request::Auth(request) if !request.needs_admin());
        let expected = if open { Ok(()) } else { Err(AuthError::UserEmpty) };
        assert_eq!(fixture.permit("", request), expected, "{what} by nobody");
    }
}

#[test]
fn a_write_only_user_learns_no_old_values() {
    let mut fixture = Fixture::with_users();
    let perm = authpb::Permission { perm_type: 1, key: "w".into(), range_end: Bytes::new() };
    let request = AuthRoleGrantPermissionRequest { name: "letters".into(), perm: Some(perm) };
    fixture.apply(AuthRequest::RoleGrantPermission(request)).unwrap();
    let check = |request, expected| assert_eq!(fixture.permit("ann", request), expected);
    check(Request::Put(put("w")), Ok(()));
    check(Request::Put(PutRequest { prev_kv: true, ..put("w") }), Err(AuthError::PermissionDenied));
    let delete = DeleteRangeRequest { key: "w".into(), ..DeleteRangeRequest::default() };
    check(Request::DeleteRange(delete.clone()), Ok(()));
    check(
        Request::DeleteRange(DeleteRangeRequest { prev_kv: true, ..delete }),
        Err(AuthError::PermissionDenied),
    );
}

#[test]
fn an_entry_made_before_a_change_is_refused() {
    let mut fixture = Fixture::with_users();
    let who = Some(Identity::new("ann", fixture.state.revision()));
    fixture.apply(AuthRequest::RoleAdd(AuthRoleAddRequest { name: "more".into() })).unwrap();
    let envelope = Envelope { id: 1, who, request: Request::Put(put("a")) };
    assert_eq!(fixture.state.permit(&envelope, &|_| Vec::new()), Err(AuthError::OldRevision));
}

#[test]
fn records_are_those_of_etcd_and_are_found_again() {
    let mut fixture = Fixture::with_users();
    let row = |fixture: &Fixture, bucket, key: &str| fixture.storage.get(bucket, key.as_bytes()).unwrap();
    assert_eq!(row(&fixture, Bucket::AUTH, "authEnabled").as_deref(), Some(&[1][..]));
    // Two users, a role, two permissions, two grants: seven changes after revision 1.
    assert_eq!(row(&fixture, Bucket::AUTH, "authRevision").as_deref(), Some(&[0, 0, 0, 0, 0, 0, 0, 8][..]));
    let ann = authpb::User {
        name: "ann".into(),
        password: "hash".into(),
        roles: vec!["letters".into()],
        options: Some(UserAddOptions { no_password: false }),
    };
    assert_eq!(row(&fixture, Bucket::AUTH_USERS, "ann").map(|row| row.to_vec()), Some(ann.encode_to_vec()));
    assert!(row(&fixture, Bucket::AUTH_ROLES, "letters").is_some());
    fixture.apply(AuthRequest::UserDelete(AuthUserDeleteRequest { name: "ann".into() })).unwrap();
    assert_eq!(row(&fixture, Bucket::AUTH_USERS, "ann"), None);

    let before = format!("{:?}", fixture.state.get());
    fixture.storage.close().unwrap();
    let (_storage, state) = open(&fixture.dir);
    assert_eq!(format!("{:?}", state.get()), before);
}

#[test]
fn logging_in_tells_whose_token_it_is() {
    let mut fixture = Fixture::with_users();
    let index = fixture.index + 1;
    let outcome = fixture.apply(log_in("ann"));
    assert!(
        matches!(outcome, Ok(crate::Response::LoggedIn { index: at, auth_revision: 8 }) if at == index),
        "{outcome:?}"
    );
    assert_eq!(fixture.apply(log_in("bob")).err(), Some(AuthError::AuthFailed));
    let change = AuthUserChangePasswordRequest { name: "ann".into(), ..Default::default() };
    fixture.apply(AuthRequest::UserChangePassword(change)).unwrap();
    fixture.apply(AuthRequest::Disable(AuthDisableRequest {})).unwrap();
    assert_eq!(fixture.apply(log_in("ann")).err(), Some(AuthError::NotEnabled));
    assert_eq!(
        fixture.events,
        [
            format!("LoggedIn {{ user: \"ann\", secret: \"letters\", index: {index} }}"),
            "Revoked { user: \"ann\" }".to_owned(),
            "AllRevoked".to_owned(),
        ]
    );
}

#[test]
fn passwords_of_old_members_are_hashed_alike_everywhere() {
    let hashes = [0, 1].map(|_| {
        let mut fixture = Fixture::new();
        let request =
            AuthUserAddRequest { name: "ann".into(), password: "p4ss".into(), ..Default::default() };
        fixture.apply(AuthRequest::UserAdd(request)).unwrap();
        fixture.state.get().user("ann").unwrap().password.clone()
    });
    assert_eq!(hashes[0], hashes[1]);
    assert!(etcd_auth::password::matches("p4ss", &hashes[0]));
    // What should be a hash and is none is refused.
    assert_eq!(Fixture::new().apply(add_user("ann", "?")).err(), Some(AuthError::NoPasswordUser));
}

#[test]
fn entries_have_the_bytes_of_the_whole_message() {
    let header = RequestHeader { id: 42, username: "root".into(), auth_revision: 7 };
    let add = AuthUserAddRequest { name: "ann".into(), ..Default::default() };
    let role = AuthRoleAddRequest { name: "letters".into() };
    let whole = InternalRaftRequest { header: Some(header), ..InternalRaftRequest::default() };
    let cases = [
        (
            AuthRequest::UserAdd(add.clone()),
            InternalRaftRequest { auth_user_add: Some(add), ..whole.clone() },
        ),
        (
            AuthRequest::Enable(AuthEnableRequest {}),
            InternalRaftRequest { auth_enable: Some(AuthEnableRequest {}), ..whole.clone() },
        ),
        (
            AuthRequest::RoleAdd(role.clone()),
            InternalRaftRequest { auth_role_add: Some(role), ..whole.clone() },
        ),
        (
            AuthRequest::Status(AuthStatusRequest {}),
            InternalRaftRequest { auth_status: Some(AuthStatusRequest {}), ..whole },
        ),
    ];
    for (request, whole) in cases {
        let envelope =
            Envelope { id: 42, who: Some(Identity::new("root", 7)), request: Request::Auth(request) };
        let bytes = envelope.encode();
        assert_eq!(InternalRaftRequest::decode(bytes.clone()), Ok(whole));
        assert_eq!(Envelope::decode(bytes).ok(), Some(envelope));
    }
}
