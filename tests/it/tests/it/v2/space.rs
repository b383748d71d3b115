//! The v2 keys of a cluster that is full.

use etcd_client::{AlarmAction, AlarmOptions, AlarmType};
use etcd_it::{cluster, is_go_3_4, runtime, start};

use super::http::send;
use crate::load::connect;

#[test]
fn a_full_cluster_takes_only_what_frees_space() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: 3.4 keeps v2 keys in memory, and takes them whatever the space");
        return;
    }
    let cluster = start(cluster(3).argument("--enable-v2"));
    let urls = cluster.client_urls();
    let key = |member: usize, rest: &str| format!("{}/v2/keys/{rest}", urls[member]);
    for name in ["a", "b", "c"] {
        assert_eq!(send("PUT", &key(0, name), Some("value=1&ttl=600")).status, 201);
    }
    let raise = |action| {
        runtime().block_on(async {
            let mut client = connect(&urls[0]).await;
            let member = client.status().await.unwrap().header().unwrap().member_id();
            let mut options = AlarmOptions::new();
            options.with_member(member);
            client.alarm(action, AlarmType::Nospace, Some(options)).await.unwrap();
        });
    };
    raise(AlarmAction::Activate);
    for member in 0..3 {
        for (method, path, form) in [
            ("PUT", "a", "value=2"),
            ("PUT", "a?prevExist=true", "value=2"),
            ("PUT", "a?prevValue=1", "value=2"),
            ("PUT", "new", "value=2"),
            ("POST", "queue", "value=2"),
            ("PUT", "dir", "dir=true"),
        ] {
            let refused = send(method, &key(member, path), Some(form));
            let said = refused.json();
            assert_eq!(refused.status, 500, "{method} {path}: {said}");
            assert_eq!(
                (said["errorCode"].as_i64(), said["message"].as_str(), said["cause"].as_str()),
                (Some(300), Some("Raft Internal Error"), Some("etcdserver: mvcc: database space exceeded")),
                "{method} {path}: {said}"
            );
        }
        // Reads, what keeps a key longer, and deletes are admitted.
        assert_eq!(send("GET", &key(member, "a?quorum=true"), None).json()["node"]["value"], "1");
        let kept = send("PUT", &key(member, "a"), Some("ttl=900&refresh=true&prevExist=true"));
        assert_eq!((kept.status, &kept.json()["node"]["value"]), (200, &"1".into()), "{kept:?}");
        let name = ["a", "b", "c"][2 - member];
        if member < 2 {
            assert_eq!(send("DELETE", &key(member, name), None).json()["action"], "delete");
        }
    }
    raise(AlarmAction::Deactivate);
    assert_eq!(send("PUT", &key(1, "new"), Some("value=2")).status, 201);
}
