//! Users, roles and who may do what, through every member.

mod ctl;
mod endure;
mod leases;
mod matrix;
pub(crate) mod raw;
mod secrets;
mod tokens;

use std::time::Duration;

use etcd_client::{Client, ConnectOptions, Error, Permission, PermissionType, UserAddOptions};
use tonic::Code;

/// Passwords that must not be found in any log.
pub(crate) const ROOT_PASSWORD: &str = "r00t-s3cret";
pub(crate) const ANN_PASSWORD: &str = "ann-s3cret";

/// A client that logs in.
pub(crate) async fn connect_as(url: &str, user: &str, password: &str) -> Result<Client, Error> {
    let options = ConnectOptions::new().with_timeout(Duration::from_secs(20)).with_user(user, password);
    Client::connect([url], Some(options)).await
}

/// Root, and ann, who may read and write below `ann/` and read below `all/`; authentication is on afterwards.
pub(crate) async fn set_up(url: &str) {
    let mut client = crate::load::connect(url).await;
    client.user_add("root", ROOT_PASSWORD, None).await.unwrap();
    client.user_grant_role("root", "root").await.unwrap();
    client.user_add("ann", ANN_PASSWORD, Some(UserAddOptions::new())).await.unwrap();
    client.role_add("letters").await.unwrap();
    for (kind, prefix) in [(PermissionType::Readwrite, "ann/"), (PermissionType::Read, "all/")] {
        let permission = Permission::new(kind, prefix).with_prefix();
        client.role_grant_permission("letters", permission).await.unwrap();
    }
    client.user_grant_role("ann", "letters").await.unwrap();
    for key in ["ann/1", "all/1", "root/1"] {
        client.put(key, "x", None).await.unwrap();
    }
    client.auth_enable().await.unwrap();
}

/// Waits until tokens have expired that nobody has used since before this call, where they live for a few seconds.
pub(crate) async fn await_expiry(raw: &raw::Raw) {
    // A use renews a token, so that each look takes another one.
    let mut tokens = Vec::new();
    for _ in 0..40 {
        tokens.push(raw.log_in("ann", ANN_PASSWORD).await.unwrap());
    }
    loop {
        // Not too often: there are only so many.
        tokio::time::sleep(Duration::from_millis(500)).await; // between two looks
        let token = tokens.pop().expect("one of them has expired before");
        if let Err(status) = raw.clone().with_token(&token).get("ann/1", true).await {
            assert_eq!(status.code(), Code::Unauthenticated, "{status}");
            return;
        }
    }
}

/// Code and text of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (Code, String) {
    match outcome {
        Err(Error::GRpcStatus(status)) => (status.code(), status.message().to_owned()),
        other => panic!("not a gRPC status: {other:?}"),
    }
}

pub(crate) fn denied() -> (Code, String) {
    (Code::PermissionDenied, "etcdserver: permission denied".to_owned())
}
