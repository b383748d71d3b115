//! Tokens of both kinds: good on every member, for a time.

use etcd_it::{cluster, is_go_3_4, runtime, start};
use etcd_proto::etcdserverpb::watch_request::RequestUnion;
use etcd_proto::etcdserverpb::{AuthStatusResponse, WatchCreateRequest, WatchRequest, WatchResponse};
use etcd_proto::prost::Message as _;
use tonic::Code;

use super::raw::Raw;
use super::{ANN_PASSWORD, await_expiry, connect_as, denied, refusal, set_up};
use crate::lone::Lone;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/etcd-auth/testdata");

#[test]
fn a_token_is_good_on_every_member_at_once() {
    let cluster = start(cluster(3));
    let urls = cluster.client_urls();
    runtime().block_on(async {
        set_up(&urls[0]).await;
        for round in 0..10 {
            let token = Raw::connect(&urls[round % 3]).await.log_in("ann", ANN_PASSWORD).await.unwrap();
            assert_eq!(token.split_once('.').map(|(letters, _)| letters.len()), Some(16), "{token}");
            // A member that has not come to the login yet must not take it for a forgery.
            let other = Raw::connect(&urls[(round + 1) % 3]).await.with_token(&token);
            other.get("ann/1", true).await.unwrap();
            other.get("ann/1", false).await.unwrap();
        }
    });
}

/// Sets up users at a member, and logs ann in.
async fn set_up_and_log_in(url: &str) -> (Raw, String) {
    set_up(url).await;
    let raw = Raw::connect(url).await;
    let token = raw.log_in("ann", ANN_PASSWORD).await.unwrap();
    (raw, token)
}

#[test]
fn both_headers_carry_a_token_and_a_false_one_is_refused() {
    let cluster = start(cluster(1));
    let url = cluster.client_urls().remove(0);
    runtime().block_on(async {
        let (raw, token) = set_up_and_log_in(&url).await;
        raw.clone().with("authorization", &token).get("ann/1", false).await.unwrap();
        raw.clone().with("authorization", &format!("Bearer {token}")).get("ann/1", false).await.unwrap();
        raw.clone().with("authorization", "x").with_token(&token).get("ann/1", false).await.unwrap();
        let far = format!("{}.9999999", token.split_once('.').unwrap().0);
        let upper = token.to_uppercase();
        for wrong in ["", "x", "x.1", &far, &upper, "Bearer x"] {
            let refused = raw.clone().with_token(wrong).get("ann/1", false).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated, "{wrong:?}");
            assert_eq!(refused.message(), "etcdserver: invalid auth token", "{wrong:?}");
        }
    });
}

#[test]
fn a_watch_that_is_refused_tells_the_code_too() {
    let cluster = start(cluster(1));
    let url = cluster.client_urls().remove(0);
    runtime().block_on(async {
        let (raw, token) = set_up_and_log_in(&url).await;
        let create = WatchCreateRequest { key: "root/1".into(), ..Default::default() };
        let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        let request = bytes::Bytes::from(request.encode_to_vec());
        for (caller, reason) in [
            (raw.clone(), "rpc error: code = InvalidArgument desc = etcdserver: user name is empty"),
            (
                raw.clone().with_token("x.1"),
                "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
            ),
            (
                raw.clone().with_token(&token),
                "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
            ),
        ] {
            let answer = caller.call("/etcdserverpb.Watch/Watch", request.clone()).await.unwrap().unwrap();
            let answer = WatchResponse::decode(answer).unwrap();
            assert_eq!((answer.created, answer.canceled, answer.watch_id), (true, true, -1));
            assert_eq!(answer.cancel_reason, reason);
        }
    });
}

#[test]
fn a_token_must_be_good_even_where_none_is_needed() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: 3.4 has no AuthStatus");
        return;
    }
    let cluster = start(cluster(1));
    let url = cluster.client_urls().remove(0);
    runtime().block_on(async {
        let raw = Raw::connect(&url).await;
        let status = |raw: Raw| async move {
            let answer = raw.call("/etcdserverpb.Auth/AuthStatus", bytes::Bytes::new()).await?;
            Ok::<_, tonic::Status>(AuthStatusResponse::decode(answer.unwrap()).unwrap().enabled)
        };
        // Nobody looks at it while there is nobody to be.
        assert!(!status(raw.clone().with_token("x.1")).await.unwrap());
        set_up(&url).await;
        assert!(status(raw.clone()).await.unwrap());
        let token = raw.log_in("ann", ANN_PASSWORD).await.unwrap();
        assert!(status(raw.clone().with_token(&token)).await.unwrap());
        let refused = status(raw.with_token("x.1")).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::Unauthenticated, "etcdserver: invalid auth token")
        );
    });
}

#[test]
fn a_token_that_is_not_used_expires() {
    let cluster = start(cluster(1).argument("--auth-token-ttl=2"));
    let url = cluster.client_urls().remove(0);
    runtime().block_on(async {
        set_up(&url).await;
        await_expiry(&Raw::connect(&url).await).await;
    });
}

#[test]
fn a_changed_password_and_a_deleted_user_end_tokens() {
    let cluster = start(cluster(1));
    let url = cluster.client_urls().remove(0);
    runtime().block_on(async {
        set_up(&url).await;
        let mut root = connect_as(&url, "root", super::ROOT_PASSWORD).await.unwrap();
        let raw = Raw::connect(&url).await;
        let token = raw.log_in("ann", ANN_PASSWORD).await.unwrap();
        root.user_change_password("ann", "other").await.unwrap();
        let refused = raw.clone().with_token(&token).get("ann/1", false).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let token = raw.log_in("ann", "other").await.unwrap();
        root.user_delete("ann").await.unwrap();
        let refused = raw.clone().with_token(&token).get("ann/1", false).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let refused = raw.log_in("ann", "other").await.unwrap_err();
        assert_eq!(refused.message(), "etcdserver: authentication failed, invalid user ID or password");
    });
}

#[test]
fn signed_tokens_outlive_a_restart() {
    for (method, private, public) in [
        ("RS256", "rsa-pkcs1.pem", "rsa-pub.pem"),
        ("PS512", "rsa-pkcs8.pem", "rsa-pub.pem"),
        ("ES256", "p256-sec1.pem", "p256-pub.pem"),
        ("EdDSA", "ed25519.pem", "ed25519-pub.pem"),
    ] {
        if is_go_3_4() && method == "EdDSA" {
            continue;
        }
        let lone = Lone::new();
        let flag = format!(
            "--auth-token=jwt,sign-method={method},priv-key={KEYS}/{private},pub-key={KEYS}/{public},ttl=10m"
        );
        let server = lone.start_with(&[&flag]);
        let url = lone.spec.client_url();
        let token = runtime().block_on(async {
            let (raw, token) = set_up_and_log_in(&url).await;
            assert_eq!(token.split('.').count(), 3, "{token}");
            raw.clone().with_token(&token).get("ann/1", false).await.unwrap();
            let refused = raw.with_token(&format!("{token}x")).get("ann/1", false).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);
            let mut ann = connect_as(&url, "ann", ANN_PASSWORD).await.unwrap();
            assert_eq!(refusal(ann.put("root/1", "y", None).await), denied());
            token
        });
        drop(server);
        let _server = lone.start_with(&[&flag]);
        runtime().block_on(async {
            let raw = Raw::connect(&url).await.with_token(&token);
            raw.get("ann/1", false).await.unwrap();
            // It tells which users and roles it was made for.
            let mut root = connect_as(&url, "root", super::ROOT_PASSWORD).await.unwrap();
            root.role_add("more").await.unwrap();
            let refused = raw.get("ann/1", false).await.unwrap_err();
            assert_eq!(
                (refused.code(), refused.message()),
                (Code::InvalidArgument, "etcdserver: revision of auth store is old")
            );
        });
    }
}

#[test]
fn flags_that_make_no_sense_end_the_start() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: texts that 3.4 does not have");
        return;
    }
    for (flag, said) in [
        ("--auth-token=nonsense", "etcd: --auth-token: unknown token type \"nonsense\""),
        ("--auth-token=jwt", "etcd: --auth-token: sign-method \"\" is not known"),
        ("--auth-token=jwt,sign-method=ES512", "etcd: --auth-token: sign-method ES512 is not available"),
        ("--auth-token=jwt,sign-method=RS256", "etcd: --auth-token: missing key data"),
        (
            "--auth-token=jwt,sign-method=RS256,pub-key=/none",
            "etcd: --auth-token: cannot read /none: No such file",
        ),
    ] {
        let lone = Lone::new();
        let ended = etcd_it::Server::start(&lone.scratch, lone.with(&[flag])).wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.lines().any(|line| line.starts_with(said)), "{flag}: {}", ended.stderr);
    }
}
