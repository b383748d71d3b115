//! DNS discovery with a private zone.
//!
//! Members on one host differ by port, and the system must know their names too: targets are `localhost`. That name is
//! compared as a text, so that members advertise it too.

use std::net::Ipv4Addr;

use etcd_it::{Server, is_go_3_4};
use etcd_testkit::{DnsServer, Signal, Zone};

use super::Hosts;

/// A record of `service` for each host, and addresses for those of the guide.
fn zone(hosts: &Hosts, service: &str) -> Zone {
    let zone = Zone::new("example.com").address("infra9.example.com", Ipv4Addr::new(127, 0, 0, 9));
    hosts.specs.iter().fold(zone, |zone, spec| zone.service(service, "localhost", spec.peer_port))
}

/// Flags that ask `server` for the records of the zone.
fn flags(server: &DnsServer) -> [String; 3] {
    [
        "--discovery-srv=example.com".to_owned(),
        format!("--discovery-srv-nameserver={}", server.address()),
        "--initial-cluster-token=etcd-cluster-1".to_owned(),
    ]
}

/// Starts one member that asks `server`.
fn start(hosts: &Hosts, index: usize, server: &DnsServer, more: &[&str]) -> Server {
    let port = hosts.specs[index].peer_port;
    let own = format!("--initial-advertise-peer-urls=http://localhost:{port}");
    let flags = flags(server);
    hosts.start(index, &[words(&flags).as_slice(), &[own.as_str()], more].concat())
}

fn words(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

fn is_not_ours() -> bool {
    if is_go_3_4() {
        eprintln!("NOT TESTED: DNS discovery: 3.4 finds no plain records, and has no flag for a name server");
    }
    is_go_3_4()
}

#[test]
fn plain_records_and_a_restart_without_them() {
    if is_not_ours() {
        return;
    }
    let hosts = Hosts::new(3);
    let server = DnsServer::start(&zone(&hosts, "etcd-server")).unwrap();
    let mut servers: Vec<Server> = (0..3).map(|index| start(&hosts, index, &server, &[])).collect();
    for (index, server) in servers.iter_mut().enumerate() {
        hosts.wait_for_health(index, server);
    }
    hosts.assert_one_cluster();
    servers[0].wait_for_output("got bootstrap from DNS for etcd-server");
    let members = hosts.members(0);
    assert_eq!(members[0].peer_urls, [format!("http://localhost:{}", hosts.specs[0].peer_port)]);

    let first = servers.remove(0);
    first.signal(Signal::TERM);
    let ended = first.wait();
    assert_ne!(ended.signal, Some(9), "{ended:?}");
    let flags = flags(&server).to_vec();
    drop(server);
    let mut again = hosts.start(0, &words(&flags));
    let wal = hosts.specs[0].data_dir.join("member/wal");
    again.wait_for_output(&format!(
        "discovery domain ignored since a cluster has already been initialized. Valid log found at {}",
        wal.display()
    ));
    hosts.wait_for_health(0, &mut again);
    assert_eq!(hosts.members(0), members);
}

#[test]
fn a_service_with_a_suffix() {
    if is_not_ours() {
        return;
    }
    let hosts = Hosts::new(1);
    let server = DnsServer::start(&zone(&hosts, "etcd-server-foo")).unwrap();
    let mut started = start(&hosts, 0, &server, &["--discovery-srv-name=foo"]);
    hosts.wait_for_health(0, &mut started);
    hosts.assert_one_cluster();
}

#[test]
fn records_that_lead_nowhere() {
    if is_not_ours() {
        return;
    }
    let hosts = Hosts::new(1);
    let empty = DnsServer::start(&Zone::new("example.com")).unwrap();
    hosts.assert_refused(
        0,
        &words(&flags(&empty)),
        "etcd: error setting up initial cluster: error querying DNS SRV records for _etcd-server-ssl",
        &["lookup _etcd-server._tcp.example.com: no such host", "--discovery-srv-nameserver"],
    );
    let line =
        "etcd: error setting up initial cluster: cannot find local etcd member \"infra0\" in SRV records";
    let others = Zone::new("example.com").service("etcd-server", "localhost", 1);
    hosts.assert_refused(0, &words(&flags(&DnsServer::start(&others).unwrap())), line, &[]);
    let ssl = DnsServer::start(&zone(&hosts, "etcd-server-ssl")).unwrap();
    hosts.assert_refused(0, &words(&flags(&ssl)), line, &["has scheme mismatch with expected peer"]);
    let dead_end = zone(&hosts, "etcd-server").service("etcd-server", "nohost.example.com", 2380);
    hosts.assert_refused(
        0,
        &words(&flags(&DnsServer::start(&dead_end).unwrap())),
        "etcd: error setting up initial cluster: error querying DNS SRV records for _etcd-server lookup \
         nohost.example.com: no such host",
        &["publish an address of nohost.example.com"],
    );
    hosts.assert_refused(
        0,
        &["--discovery-srv=example.com", "--discovery-srv-nameserver=nonsense"],
        "etcd: error setting up initial cluster: invalid name server",
        &["--discovery-srv-nameserver"],
    );
    hosts.assert_refused(
        0,
        &["--discovery-srv-name=foo"],
        "etcd: infra0 not listed in the initial cluster config",
        &["couldn't find local name \"infra0\""],
    );
    let own = format!("--initial-cluster=infra0={}", hosts.specs[0].peer_url());
    hosts.assert_refused(
        0,
        &["--discovery-srv=example.com", &own],
        "etcd: multiple discovery or bootstrap flags are set",
        &["set are --initial-cluster and --discovery-srv"],
    );
}

/// Members are never merged: this one would be in a cluster of three, and waits for the others.
#[test]
fn both_kinds_of_records() {
    if is_not_ours() {
        return;
    }
    let hosts = Hosts::new(1);
    let port = hosts.specs[0].peer_port;
    let zone = zone(&hosts, "etcd-server")
        .service("etcd-server", "localhost", 1)
        .service("etcd-server-ssl", "localhost", port)
        .service("etcd-server-ssl", "localhost", 1);
    let server = DnsServer::start(&zone).unwrap();
    let mut started = start(&hosts, 0, &server, &[]);
    started.wait_for_output("publish one kind only");
    let expected = format!("0=https://localhost:1,1=http://localhost:1,infra0=http://localhost:{port}");
    started.wait_for_output("resolved the initial cluster");
    let sorted = |text: &str| {
        let mut pairs: Vec<String> = text.split(',').map(str::to_owned).collect();
        pairs.sort();
        pairs.join(",")
    };
    let output = started.output();
    let line = output.lines().find(|line| line.contains("resolved the initial cluster")).unwrap();
    let cluster = line.split('"').find(|word| word.contains("infra0=http")).unwrap();
    assert_eq!(sorted(cluster), expected);
}
