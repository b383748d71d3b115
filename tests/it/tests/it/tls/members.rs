//! Clusters of three in both modes.

use etcd_it::{Ctl, TestCluster, cluster, start};
use etcd_testkit::Security;

use super::material::{Material, certificates, text};
use crate::load::{await_snapshot, urls_without};

/// Puts and gets with `etcdctl`; `None` where it is not installed.
fn ctl(cluster: &TestCluster, arguments: &[&str]) -> Option<String> {
    let running = cluster.members().iter().filter(|member| member.pid().is_some());
    let urls: Vec<_> = running.map(|member| member.spec().client_url()).collect();
    ctl_at(cluster, &urls, arguments)
}

fn ctl_at(cluster: &TestCluster, urls: &[String], arguments: &[&str]) -> Option<String> {
    let ctl = Ctl::new(urls)?;
    let security = match &cluster.member(0).spec().security {
        Security::Files(files) => vec![
            "--cacert".to_owned(),
            text(&files.client_ca),
            "--cert".to_owned(),
            text(&files.user.cert),
            "--key".to_owned(),
            text(&files.user.key),
        ],
        _ => vec!["--insecure-skip-tls-verify".to_owned(), "--insecure-transport=false".to_owned()],
    };
    let words: Vec<&str> = security.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
    Some(ctl.ok(&words))
}

/// Two of the three ask the leader for it, over the peer port.
fn keep_alive_at_every_member(cluster: &TestCluster) {
    let Some(granted) = ctl(cluster, &["lease", "grant", "300"]) else { return };
    let id = granted.split(' ').nth(1).expect("lease <id> granted");
    for member in cluster.members() {
        let url = member.spec().client_url();
        let said = ctl_at(cluster, &[url], &["lease", "keep-alive", "--once", id]);
        assert_eq!(said, Some(format!("lease {id} keepalived with TTL(300)\n")));
    }
}

/// Restarts, kills and leaves behind members while keys are put; nothing is lost.
fn live_through_restarts(mut cluster: TestCluster) {
    let expect = |cluster: &TestCluster, key: &str, value: &str| {
        if let Some(said) = ctl(cluster, &["get", key]) {
            assert_eq!(said, format!("{key}\n{value}\n"));
        }
    };
    ctl(&cluster, &["put", "first", "1"]);
    for index in 0..3 {
        cluster.stop(index).unwrap();
        // It may have led, and not have found a successor.
        cluster.wait_for_leader().unwrap();
        ctl(&cluster, &["put", &format!("without-{index}"), "1"]);
        cluster.start(index).unwrap();
        cluster.wait_for_health(index).unwrap();
    }
    cluster.wait_for_leader().unwrap();
    keep_alive_at_every_member(&cluster);
    let leader = cluster.wait_for_leader().unwrap();
    cluster.kill(leader).unwrap();
    cluster.wait_for_leader().unwrap();
    // Enough that the log is compacted: the member that was killed needs a snapshot.
    let urls = urls_without(&cluster, leader);
    let write = |cluster: &TestCluster| {
        (0..40).all(|number| ctl_at(cluster, &urls, &["put", &format!("missed-{number}"), "1"]).is_some())
    };
    let is_written = write(&cluster);
    cluster.start(leader).unwrap();
    cluster.wait_for_health(leader).unwrap();
    if is_written {
        await_snapshot(&mut cluster, leader, |cluster| _ = write(cluster));
    }
    for key in ["first", "without-0", "without-1", "without-2", "missed-39"] {
        expect(&cluster, key, "1");
    }
}

#[test]
fn with_an_authority() {
    let scratch = etcd_it::Scratch::new();
    let material = Material::new(&scratch);
    let security = (0..3).map(|index| Security::Files(material.member(&format!("infra{index}")))).collect();
    let builder = cluster(3)
        .security(security)
        .argument("--snapshot-count=10")
        .argument("--snapshot-catchup-entries=5")
        .argument("--peer-cert-allowed-cn=infra0,infra1,infra2");
    let cluster = start(builder);
    assert!(certificates(cluster.member(0).spec()).peer.cert.exists());
    live_through_restarts(cluster);
}

#[test]
fn with_automatic_certificates() {
    let builder = cluster(3)
        .security(vec![Security::Auto])
        .argument("--snapshot-count=10")
        .argument("--snapshot-catchup-entries=5");
    live_through_restarts(start(builder));
}
