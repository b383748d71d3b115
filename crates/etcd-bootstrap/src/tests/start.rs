//! Starting a cluster.

use std::path::Path;
use std::time::Duration;

use etcd_membership::{Cluster, MemberId};
use tokio::time::Instant;

use super::fakes::{Names, Peers};
use super::{THREE, options};
use crate::{Mode, Offline, Options, ignored_discovery, resolve};

struct Refusal {
    text: String,
    guide: String,
    hint: String,
}

async fn refuse(options: &Options) -> Refusal {
    let error = resolve(options, &Offline, &Names::default()).await.unwrap_err();
    assert_eq!(error.etcd_text(), error.to_string());
    Refusal { text: error.etcd_text(), guide: error.guide_line(), hint: error.hint() }
}

#[tokio::test(start_paused = true)]
async fn all_members_compute_the_same_cluster() {
    let guide = THREE.replace("127.0.1", "10.0.1");
    let mut ids = Vec::new();
    for (name, url) in [("infra0", 10), ("infra1", 11), ("infra2", 12)] {
        let mut options = options(name, &guide, &format!("http://10.0.1.{url}:2380"));
        options.token = "etcd-cluster-1".to_owned();
        let cluster = resolve(&options, &Offline, &Names::default()).await.unwrap();
        assert_eq!(cluster.cluster_id.to_string(), "acccc8912db0cd57");
        assert_eq!(cluster.mode, Mode::New);
        assert!(cluster.members.is_sorted_by_key(|member| member.id));
        assert_eq!(cluster.members.len(), 3);
        ids.push(cluster.local_id.to_string());
    }
    assert_eq!(ids, ["140fedbeeb74765d", "d5dc5f8d75d04e29", "8a0a11c6194fc77"]);
}

/// Guide, first error.
#[tokio::test(start_paused = true)]
async fn a_member_must_be_in_its_cluster() {
    let refusal = refuse(&options(
        "infra1",
        "infra0=http://10.0.1.10:2380,infra2=http://10.0.1.12:2380",
        "https://10.0.1.11:2380",
    ))
    .await;
    assert_eq!(refusal.text, "couldn't find local name \"infra1\" in the initial cluster configuration");
    assert_eq!(refusal.guide, "etcd: infra1 not listed in the initial cluster config");
    assert_eq!(
        refusal.hint,
        "add infra1=<its peer URL> to --initial-cluster, or set --name to one of: infra0, infra2"
    );
    let empty = refuse(&options("default", "", "http://localhost:2380")).await;
    assert_eq!(empty.text, "couldn't find local name \"default\" in the initial cluster configuration");
    assert_eq!(empty.hint, "set --initial-cluster; it must contain default");
}

/// Guide, second error.
#[tokio::test(start_paused = true)]
async fn a_member_must_advertise_what_the_cluster_says() {
    let refusal = refuse(&options("infra0", THREE, "http://127.0.0.1:2380")).await;
    assert_eq!(
        refusal.text,
        "--initial-cluster has infra0=http://127.0.1.10:2380 but missing from \
         --initial-advertise-peer-urls=http://127.0.0.1:2380 (resolved urls: \"http://127.0.0.1:2380\" != \
         \"http://127.0.1.10:2380\")"
    );
    assert_eq!(
        refusal.guide,
        "etcd: error setting up initial cluster: infra0 has different advertised URLs in the cluster and advertised \
         peer URLs list"
    );
    assert_eq!(
        refusal.hint,
        "add http://127.0.1.10:2380 to --initial-advertise-peer-urls, or correct --initial-cluster"
    );
}

#[tokio::test(start_paused = true)]
async fn more_or_less_urls_are_refused() {
    let more = refuse(&options("infra0", THREE, "http://127.0.1.10:2380,http://127.0.1.20:2380")).await;
    assert_eq!(
        more.text,
        "--initial-advertise-peer-urls has http://127.0.1.20:2380 but missing from \
         --initial-cluster=infra0=http://127.0.1.10:2380,infra0=http://127.0.1.20:2380"
    );
    let less = refuse(&options("a", "a=http://127.0.0.1:1,a=http://127.0.0.1:2", "http://127.0.0.1:1")).await;
    assert_eq!(
        less.text,
        "--initial-cluster has a=http://127.0.0.1:2 but missing from --initial-advertise-peer-urls=http://127.0.0.1:1 \
         (len([\"http://127.0.0.1:1\"]) != len([\"http://127.0.0.1:1\" \"http://127.0.0.1:2\"]))"
    );
    let twice =
        refuse(&options("a", "a=http://127.0.0.1:1,a=http://127.0.0.1:1", "http://127.0.0.1:1")).await;
    assert_eq!(
        twice.text,
        "failed to resolve http://127.0.0.1:1 to match --initial-cluster=a=http://127.0.0.1:1 \
         (len([\"http://127.0.0.1:1\"]) != len([\"http://127.0.0.1:1\" \"http://127.0.0.1:1\"]))"
    );
}

#[tokio::test(start_paused = true)]
async fn a_url_belongs_to_one_member() {
    let refusal =
        refuse(&options("a", "a=http://127.0.0.1:1,b=http://127.0.0.1:1", "http://127.0.0.1:1")).await;
    assert_eq!(refusal.text, "initial cluster a=http://127.0.0.1:1,b=http://127.0.0.1:1 has duplicate url");
    assert_eq!(refusal.guide, format!("etcd: {}", refusal.text));
}

#[tokio::test(start_paused = true)]
async fn the_initial_cluster_must_be_readable() {
    for (cluster, want) in [
        ("infra0", "URL scheme must be http, https, unix, or unixs: "),
        ("a=http://127.0.1.10:2380/", "URL must not contain a path: http://127.0.1.10:2380/"),
        ("a=http://127.0.1.10", "URL address does not have the form \"host:port\": http://127.0.1.10"),
    ] {
        let refusal = refuse(&options("a", cluster, "http://127.0.1.10:2380")).await;
        assert_eq!(refusal.text, format!("error setting up initial cluster: {want}"));
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_resolved_when_texts_differ() {
    let names =
        Names::of(&[("infra0.example.com", "127.0.1.10"), ("late", "127.0.1.10"), ("six", "fe80::1")]);
    for (cluster, advertised) in [
        ("a=http://127.0.1.10:1", "http://infra0.example.com:1"),
        ("a=http://infra0.example.com:1", "http://127.0.1.10:1"),
        ("a=http://late:1", "http://infra0.example.com:1"),
        ("a=http://[fe80::1]:1", "http://[FE80:0::1]:1"),
        ("a=http://six:1", "http://[fe80::1]:1"),
        ("a=http://localhost:1,a=unix:///s", "unix:///s,http://localhost:1"),
    ] {
        assert!(
            resolve(&options("a", cluster, advertised), &Offline, &names).await.is_ok(),
            "{cluster} {advertised}"
        );
    }
    for (cluster, advertised) in [
        ("a=http://127.0.1.10:2", "http://infra0.example.com:1"),
        ("a=https://127.0.1.10:1", "http://infra0.example.com:1"),
        ("a=http://127.0.0.1:1", "http://localhost:1"),
    ] {
        assert!(
            resolve(&options("a", cluster, advertised), &Offline, &names).await.is_err(),
            "{cluster} {advertised}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn equal_texts_need_no_resolver() {
    let names = Names::default();
    let url = "http://unknown.example.com:1";
    resolve(&options("a", &format!("a={url}"), url), &Offline, &names).await.unwrap();
    assert!(names.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn resolving_ends() {
    for host in ["unknown", "never"] {
        let begin = Instant::now();
        let names = Names::default();
        let options = options("a", &format!("a=http://{host}:1"), "http://127.0.0.1:1");
        let text = resolve(&options, &Offline, &names).await.unwrap_err().etcd_text();
        assert!(text.contains(&format!("(failed to resolve \"http://{host}:1\" (")), "{text}");
        let waited = begin.elapsed();
        assert!(waited > Duration::from_secs(25) && waited <= Duration::from_secs(30), "{waited:?}");
    }
}

fn running(options: &Options, published: bool) -> Cluster {
    let map = options.initial_cluster.parse().unwrap();
    let mut cluster = Cluster::from_urls_map(&map, &options.token).unwrap();
    let ids: Vec<MemberId> = cluster.members().map(|member| member.id).collect();
    for id in ids {
        let name = cluster.member(id).unwrap().name.clone();
        let client_urls = if published { vec!["http://127.0.1.1:2379".to_owned()] } else { Vec::new() };
        cluster.set_attributes(id, &name, &client_urls);
    }
    cluster
}

#[tokio::test(start_paused = true)]
async fn a_member_that_ran_before_does_not_start_again() {
    let mut options = options("infra2", THREE, "http://127.0.1.12:2380");
    options.token = "etcd-cluster-1".to_owned();
    let error = resolve(&options, &Peers::of(&running(&options, true)), &Names::default()).await.unwrap_err();
    assert_eq!(error.etcd_text(), "member 3a557c8ef1cd433d has already been bootstrapped");
    // The others wait for it, and nobody has published anything yet.
    resolve(&options, &Peers::of(&running(&options, false)), &Names::default()).await.unwrap();
    // Another token, other ids: this is found later, by the cluster id.
    let other = Options { token: "other".to_owned(), ..options.clone() };
    resolve(&options, &Peers::of(&running(&other, true)), &Names::default()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_probe_asks_the_others_in_order_and_not_for_long() {
    let options = options("infra2", THREE, "http://127.0.1.12:2380");
    let begin = Instant::now();
    let peers = Peers::default().silent("http://127.0.1.10:2380").silent("http://127.0.1.11:2380");
    resolve(&options, &peers, &Names::default()).await.unwrap();
    assert_eq!(*peers.asked.lock().unwrap(), ["http://127.0.1.10:2380", "http://127.0.1.11:2380"]);
    assert_eq!(begin.elapsed().as_secs(), 2);
}

#[test]
fn a_restart_ignores_discovery_aloud() {
    assert_eq!(
        ignored_discovery("token", Path::new("/d/member/wal")),
        "discovery token ignored since a cluster has already been initialized. Valid log found at /d/member/wal"
    );
}
