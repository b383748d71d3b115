//! Tokens and registration.

use std::path::Path;
use std::thread;

use etcd_it::{DEADLINE, DiscoveredMembers, debian_etcd, server};
use etcd_testkit::{Cluster, wait_until};

use crate::service::{Reply, Service};

fn error_code(reply: &Reply) -> u64 {
    let json: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    json["errorCode"].as_u64().unwrap()
}

#[test]
fn tokens_are_made_registered_at_and_kept() {
    let mut service = Service::start(&[]);
    let token = service.token("");
    let size = service.send("GET", &format!("{token}/_config/size"), None);
    assert_eq!(size.status, 200);
    assert!(size.body.contains("\"value\":\"3\""), "{}", size.body);
    assert!(
        service
            .send("GET", &format!("{}/_config/size", service.token("?size=7")), None)
            .body
            .contains("\"7\"")
    );
    for query in ["?size=0", "?size=abc", "?size=1000000", "?size=-1"] {
        let refused = service.send("GET", &format!("/new{query}"), None);
        assert!(refused.status == 400 && refused.body.starts_with("size must be"), "{refused:?}");
    }
    let member = format!("{token}/8e9e05c52164694d");
    let form = Some("value=infra0%3Dhttp%3A%2F%2F10.0.1.10%3A2380");
    assert_eq!(service.send("PUT", &format!("{member}?prevExist=false"), form).status, 201);
    let again = service.send("PUT", &format!("{member}?prevExist=false"), form);
    assert_eq!((again.status, error_code(&again)), (412, 105), "a duplicate id is told");
    service.restart();
    let listed = service.send("GET", &token, None);
    assert!(
        listed.body.contains("infra0=http://10.0.1.10:2380") && !listed.body.contains("_config"),
        "{listed:?}"
    );
    assert!(listed.header("x-etcd-index").is_some(), "{listed:?}");
    // 40 digits, as in etcd 2's time: known or not, but a token.
    let old = service.send("GET", "/3e86b59982e49066c5d813af1c2e2579cbf573de", None);
    assert_eq!((old.status, error_code(&old)), (404, 100));
    assert_eq!(service.send("DELETE", &member, None).status, 200);
}

#[test]
fn what_is_not_for_members_is_refused() {
    let service = Service::start(&[]);
    let token = service.token("?size=1");
    for path in ["/v2/keys", "/abc", "/3E86B59982E49066C5D813AF1C2E2579CBF573DE", "/a/b/c/d"] {
        assert_eq!(service.send("GET", path, None).status, 404, "{path}");
    }
    for (method, path) in
        [("PUT", token.clone()), ("PUT", format!("{token}/_config/size")), ("POST", format!("{token}/1"))]
    {
        assert_eq!(service.send(method, &path, Some("value=9")).status, 405, "{method} {path}");
    }
    assert_eq!(service.send("DELETE", &token, None).status, 405);
    assert_eq!(service.send("PUT", &format!("{token}/_hidden"), Some("value=9")).status, 404);
    let unknown = format!("/{}/1", "0".repeat(32));
    let refused = service.send("PUT", &unknown, Some("value=9"));
    assert_eq!((refused.status, error_code(&refused)), (404, 100), "registering makes no token");
    assert_eq!(service.send("PUT", &format!("{token}/1"), Some("value=")).status, 400);
    let long = format!("value={}", "x".repeat(5000));
    assert_eq!(service.send("PUT", &format!("{token}/1"), Some(&long)).status, 400);
    let huge = format!("value={}", "x".repeat(50_000));
    assert_eq!(service.send("PUT", &format!("{token}/1"), Some(&huge)).status, 413);
    for member in 1..=65 {
        assert_eq!(service.send("PUT", &format!("{token}/{member:x}"), Some("value=a=b")).status, 201);
    }
    assert_eq!(service.send("PUT", &format!("{token}/fff"), Some("value=a=b")).status, 403);
    // A field that members do not need has no effect.
    let directory = service.send("PUT", &format!("{token}/1?dir=true&ttl=1"), Some("value=a=b"));
    assert!(!directory.body.contains("\"dir\"") && !directory.body.contains("ttl"), "{directory:?}");
    assert!(service.send("GET", "/robots.txt", None).body.contains("Disallow: /"));
    let metrics = service.send("GET", "/metrics", None).body;
    assert!(metrics.contains("etcd_discovery_tokens_created_total 1"), "{metrics}");
}

#[test]
fn an_address_that_asks_too_often_waits_and_tokens_go_by_themselves() {
    let service = Service::start(&["--new-per-minute=2", "--token-ttl=1s"]);
    let token = service.token("");
    let gone = wait_until("the token to go", DEADLINE, || {
        let reply = service.send("GET", &token, None);
        if reply.status == 404 { Ok(()) } else { Err(format!("{reply:?}")) }
    });
    gone.unwrap_or_else(|error| panic!("{error}"));
    service.token("");
    let refused = service.send("GET", "/new", None);
    assert_eq!(refused.status, 429);
    assert!(
        refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok()),
        "{refused:?}"
    );
}

/// Fifty register at once; the service lets each in once, and everybody sees the same first five.
#[test]
fn of_fifty_that_register_at_once_five_are_in() {
    let service = Service::start(&["--requests-per-minute=100000"]);
    let token = service.token("?size=5");
    thread::scope(|scope| {
        for id in 1..=50 {
            let (service, token) = (&service, &token);
            scope.spawn(move || {
                let form = format!("value=m{id}=http://h{id}:1");
                let path = format!("{token}/{id:x}?prevExist=false");
                assert_eq!(service.send("PUT", &path, Some(&form)).status, 201);
            });
        }
    });
    let listed: serde_json::Value = serde_json::from_str(&service.send("GET", &token, None).body).unwrap();
    let nodes = listed["node"]["nodes"].as_array().unwrap();
    let mut indexes: Vec<u64> = nodes.iter().map(|node| node["createdIndex"].as_u64().unwrap()).collect();
    indexes.sort_unstable();
    indexes.dedup();
    assert_eq!((nodes.len(), indexes.len()), (50, 50));
    let page = service.page(&token).body;
    assert!(page.contains("All 5 members registered"), "{page}");
    assert_eq!(page.matches("too late: the cluster is full").count(), 45);
}

#[test]
fn members_of_this_server_bootstrap() {
    three_and_no_more(&server());
}

#[test]
fn members_of_etcd_3_4_bootstrap() {
    if let Some(etcd) = debian_etcd() {
        three_and_no_more(&etcd);
    }
}

fn three_and_no_more(etcd: &Path) {
    let service = Service::start(&["--requests-per-minute=100000"]);
    let token = service.token("?size=3");
    let url = format!("{}{token}", service.url);
    let members = DiscoveredMembers::start(etcd, &url, 3);
    members.wait_for_cluster();
    let mut late = DiscoveredMembers::start(etcd, &url, 1);
    assert_eq!(late.wait_for_exit(), Some(1));
    assert!(late.logs().contains("discovery: cluster is full"), "{}", late.logs());
}

/// A token of etcd 2's time, with 40 digits: whoever keeps the cluster behind the service may have made it there.
#[test]
fn members_bootstrap_through_a_token_of_forty_digits() {
    let storage = Cluster::builder(server()).members(1).argument("--enable-v2").start().unwrap();
    let endpoint = storage.client_urls().remove(0);
    let service = Service::start(&[&format!("--endpoints={endpoint}"), "--requests-per-minute=100000"]);
    let token = "3e86b59982e49066c5d813af1c2e2579cbf573de";
    let size = format!("{endpoint}/v2/keys/_etcd/registry/{token}/_config/size");
    assert_eq!(ureq::put(&size).send_form([("value", "3")]).unwrap().status().as_u16(), 201);
    let members = DiscoveredMembers::start(&server(), &format!("{}/{token}", service.url), 3);
    members.wait_for_cluster();
    assert!(service.page(&format!("/{token}")).body.contains("All 3 members registered"));
}

/// The tokens in somebody else's cluster.
#[test]
fn debians_etcd_keeps_the_tokens() {
    let Some(etcd) = debian_etcd() else { return };
    let storage = Cluster::builder(etcd.clone()).members(1).argument("--enable-v2").start().unwrap();
    let endpoint = format!("--endpoints={}", storage.client_urls().remove(0));
    let service = Service::start(&[&endpoint, "--requests-per-minute=100000"]);
    let token = service.token("?size=2");
    let members = DiscoveredMembers::start(&etcd, &format!("{}{token}", service.url), 2);
    members.wait_for_cluster();
    let page = service.page(&token).body;
    assert!(page.contains("All 2 members registered") && page.contains("infra1"), "{page}");
}
