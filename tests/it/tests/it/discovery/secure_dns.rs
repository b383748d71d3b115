//! DNS discovery of members that speak TLS with each other.
//!
//! Without `--peer-trusted-ca-file` the system's authorities are trusted (here: `SSL_CERT_FILE`), and members found in a
//! domain must have certificates for that domain. With it, for their hosts.

use std::net::Ipv4Addr;

use etcd_it::{DEADLINE, Server, is_go_3_4};
use etcd_testkit::{Authority, CertFiles, DnsServer, Leaf, Signal, Zone, wait_until};

use super::Hosts;
use crate::v2::http::try_send;

/// Three members and their zone.
struct Domain {
    hosts: Hosts,
    dns: DnsServer,
    authority: Authority,
}

impl Domain {
    fn new() -> Self {
        let hosts = Hosts::new(3);
        let zone = Zone::new("example.com").address("infra9.example.com", Ipv4Addr::new(127, 0, 0, 9));
        let zone = hosts
            .specs
            .iter()
            .fold(zone, |zone, spec| zone.service("etcd-server-ssl", "localhost", spec.peer_port));
        let authority = Authority::open_or_create(hosts.scratch.path(), "ca", 30).unwrap();
        Self { dns: DnsServer::start(&zone).unwrap(), hosts, authority }
    }

    /// A certificate for these hosts.
    fn issue(&self, name: &str, hosts: &[&str]) -> CertFiles {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let leaf = Leaf { common_name: name, hosts: &hosts, ..Leaf::default() };
        self.authority.issue(self.hosts.scratch.path(), name, &leaf).unwrap()
    }

    fn start(&self, index: usize, files: &CertFiles, more: &[&str]) -> Server {
        let port = self.hosts.specs[index].peer_port;
        let own = [
            "--discovery-srv=example.com".to_owned(),
            format!("--discovery-srv-nameserver={}", self.dns.address()),
            format!("--listen-peer-urls=https://127.0.0.1:{port}"),
            format!("--initial-advertise-peer-urls=https://localhost:{port}"),
            format!("--peer-cert-file={}", files.cert.display()),
            format!("--peer-key-file={}", files.key.display()),
        ];
        let words: Vec<&str> = own.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let arguments = self.hosts.arguments(index, &words);
        let trusted = self.authority.cert().display().to_string();
        Server::start_with(&self.hosts.scratch, arguments, &[("SSL_CERT_FILE", &trusted)])
    }

    fn start_all(&self, files: &CertFiles, more: &[&str]) -> Vec<Server> {
        (0..3).map(|index| self.start(index, files, more)).collect()
    }

    /// All three serve, and know each other by https.
    fn assert_works(&self, servers: &mut [Server]) {
        for (index, server) in servers.iter_mut().enumerate() {
            self.hosts.wait_for_health(index, server);
            let url = format!("{}/v2/members", self.hosts.specs[index].client_url());
            let named = wait_until("all members to have names", DEADLINE, || {
                let members = try_send("GET", &url, None).map_err(|error| error.to_string())?.json();
                let members = members["members"].as_array().cloned().unwrap_or_default();
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let known = |member: &&serde_json::Value| {
                    text(&member["name"]).starts_with("infra")
                        && text(&member["peerURLs"][0]).starts_with("https://localhost:")
                };
                if members.iter().filter(known).count() == 3 { Ok(()) } else { Err(format!("{members:?}")) }
            });
            named.unwrap_or_else(|error| panic!("{error}\n{}", server.output()));
        }
    }
}

fn is_not_ours() -> bool {
    if is_go_3_4() {
        eprintln!("NOT TESTED: DNS discovery with TLS: 3.4 has no flag for a name server");
    }
    is_go_3_4()
}

/// The domain's name in the certificates is enough, and it is needed: nobody who can only forge records gets in.
#[test]
fn members_are_verified_by_the_name_of_their_domain() {
    if is_not_ours() {
        return;
    }
    let domain = Domain::new();
    let hosts_only = domain.issue("hosts-only", &["localhost", "127.0.0.1"]);
    let mut strangers = domain.start_all(&hosts_only, &[]);
    for server in &mut strangers {
        server.wait_for_output("not valid for name \\\"example.com\\\"");
        assert!(!server.output().contains("ready to serve client requests"), "{}", server.output());
    }
    drop(strangers);
    for spec in &domain.hosts.specs {
        std::fs::remove_dir_all(&spec.data_dir).unwrap();
    }
    let domain_only = domain.issue("domain-only", &["example.com"]);
    let mut servers = domain.start_all(&domain_only, &[]);
    domain.assert_works(&mut servers);
}

#[test]
fn with_an_authority_of_their_own_members_are_verified_by_their_hosts() {
    if is_not_ours() {
        return;
    }
    let domain = Domain::new();
    let files = domain.issue("hosts-only", &["localhost", "127.0.0.1"]);
    let ca = format!("--peer-trusted-ca-file={}", domain.authority.cert().display());
    let mut servers = domain.start_all(&files, &[&ca, "--peer-client-cert-auth"]);
    domain.assert_works(&mut servers);
}

/// A member with a log asks no name server, and goes by the names of hosts.
#[test]
fn a_restart_without_the_domain() {
    if is_not_ours() {
        return;
    }
    let domain = Domain::new();
    let files = domain.issue("both", &["example.com", "localhost"]);
    let mut servers = domain.start_all(&files, &[]);
    domain.assert_works(&mut servers);
    let first = servers.remove(0);
    first.signal(Signal::TERM);
    let ended = first.wait();
    assert_ne!(ended.signal, Some(9), "{ended:?}");
    let nowhere = ["--discovery-srv-nameserver=127.0.0.1:1"];
    servers.insert(0, domain.start(0, &files, &nowhere));
    domain.assert_works(&mut servers);
}
