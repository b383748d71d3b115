//! v3 discovery: the service is an etcd cluster, asked over gRPC.

use etcd_it::{Ctl, is_go_3_4};

use super::Hosts;
use super::service::Service;

#[test]
fn through_etcd_3_4() {
    if let Some(service) = Service::foreign() {
        three_members_and_one_too_many(&service);
    }
}

#[test]
fn through_our_own_server() {
    three_members_and_one_too_many(&Service::ours());
}

fn three_members_and_one_too_many(service: &Service) {
    if is_go_3_4() {
        eprintln!("NOT TESTED: v3 discovery: 3.4 has none");
        return;
    }
    let Some(ctl) = Ctl::new(&[service.url()]) else { return };
    let endpoints = format!("--discovery-endpoints=127.0.0.1:1,{}", service.endpoint());
    let flags = [endpoints.as_str(), "--discovery-token=t3"];
    let hosts = Hosts::new(3);
    hosts.assert_refused(
        0,
        &flags,
        "etcd: error: the cluster doesn't have a size configuration value in /_etcd/registry/t3/_config/size",
        &[
            "failed to join discovery cluster (discovery: size key not found)",
            "etcdctl put /_etcd/registry/t3/_config/size 3",
        ],
    );
    assert_eq!(ctl.ok(&["put", "/_etcd/registry/t3/_config/size", "many"]), "OK\n");
    let line = "etcd: failed to join discovery cluster (discovery: size key is bad";
    hosts.assert_refused(0, &flags, line, &[]);

    assert_eq!(ctl.ok(&["put", "/_etcd/registry/t3/_config/size", "3"]), "OK\n");
    let _servers = hosts.start_all(&flags);
    hosts.assert_one_cluster();
    let registered = ctl.ok(&["get", "--prefix", "/_etcd/registry/t3/members/", "--print-value-only"]);
    assert_eq!(registered.lines().count(), 3, "{registered}");
    assert!(registered.contains(&format!("infra0={}\n", hosts.specs[0].peer_url())), "{registered}");

    let late = Hosts::new(1);
    let says = ["failed to join discovery cluster (discovery: cluster is full)"];
    late.assert_refused(0, &flags, "etcd: discovery cluster is full", &says);
}

#[test]
fn token_and_endpoints_belong_together() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: v3 discovery: 3.4 has none");
        return;
    }
    let hosts = Hosts::new(1);
    let line = "etcd: both --discovery-token and --discovery-endpoints must be set";
    hosts.assert_refused(0, &["--discovery-token=t"], line, &[]);
    hosts.assert_refused(0, &["--discovery-endpoints=127.0.0.1:2379"], line, &[]);
    let half = ["--discovery-token=t", "--discovery-endpoints=h:1", "--discovery-cert=/nope"];
    hosts.assert_refused(0, &half, "etcd: --discovery-cert and --discovery-key must both be set", &[]);
    let nope = ["--discovery-token=t", "--discovery-endpoints=h:1", "--discovery-cacert=/nope"];
    hosts.assert_refused(0, &nope, "etcd: cannot set up TLS for the discovery service", &["/nope"]);
}
