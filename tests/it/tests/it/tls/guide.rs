//! The guide's two sections on TLS, as people type them; see `guide` for its addresses here.

use std::path::Path;

use etcd_it::{DEADLINE, Scratch, Server};
use etcd_testkit::{Certificates, Leaf, PeerMember, Probe, Security, wait_until};

use super::material::Material;
use crate::guide::hosts::Addresses;

const CLUSTER: &str =
    "infra0=https://127.0.1.10:2380,infra1=https://127.0.1.11:2380,infra2=https://127.0.1.12:2380";

/// The guide's command for one host, up to the flags about certificates.
fn flags(scratch: &Scratch, host: usize) -> Vec<String> {
    let name = format!("infra{host}");
    let ip = format!("127.0.1.{}", 10 + host);
    let own = format!("127.0.2.{}", 10 + host);
    [
        ("--data-dir", scratch.text(&name)),
        ("--name", name),
        ("--initial-advertise-peer-urls", format!("https://{ip}:2380")),
        ("--listen-peer-urls", format!("https://{ip}:2380")),
        ("--listen-client-urls", format!("https://{ip}:2379,https://{own}:2379")),
        ("--advertise-client-urls", format!("https://{ip}:2379")),
        ("--initial-cluster-token", "etcd-cluster-1".to_owned()),
        ("--initial-cluster", CLUSTER.to_owned()),
        ("--initial-cluster-state", "new".to_owned()),
    ]
    .into_iter()
    .flat_map(|(flag, value)| [flag.to_owned(), value])
    .collect()
}

/// A question that is given up in the middle of a handshake would be told of as a connection that was rejected.
fn probe(host: usize, security: &Security) -> Probe {
    let ip = format!("127.0.1.{}", 10 + host);
    Probe::new_patient(&format!("https://{ip}:2379"), &format!("https://{ip}:2380"), security, DEADLINE)
}

/// All three are healthy and know each other by their https URLs.
fn assert_works(security: &[Security; 3]) {
    for (host, security) in security.iter().enumerate() {
        let probe = probe(host, security);
        wait_until(&format!("infra{host} to be healthy"), DEADLINE, || match probe.health() {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .unwrap();
        let members: Vec<PeerMember> =
            wait_until("three members to have published themselves", DEADLINE, || {
                let members = probe.members().map_err(|error| error.to_string())?;
                let published =
                    members.iter().filter(|member| !member.name.is_empty() && !member.client_urls.is_empty());
                if published.count() == 3 && members.len() == 3 {
                    Ok(members)
                } else {
                    Err(format!("{members:?}"))
                }
            })
            .unwrap();
        for member in members {
            assert!(member.peer_urls[0].starts_with("https://127.0.1.1"), "{member:?}");
            assert!(member.client_urls[0].starts_with("https://127.0.1.1"), "{member:?}");
        }
    }
}

#[test]
fn self_signed_certificates() {
    let _addresses = Addresses::take();
    let scratch = Scratch::new();
    // The guide names the peers' authority without a directory: it lies where etcd is started.
    let material = Material::in_directory(scratch.path());
    let mut servers = Vec::new();
    let security = [0, 1, 2].map(|host| {
        // On loopback every host connects from 127.0.0.1, which its certificate must therefore have too.
        let hosts =
            [format!("127.0.1.{}", 10 + host), format!("127.0.2.{}", 10 + host), "127.0.0.1".to_owned()];
        let name = format!("infra{host}");
        let leaf = Leaf { common_name: &name, hosts: &hosts, ..Leaf::default() };
        Security::Files(Certificates {
            client_ca: material.path("ca-client.crt"),
            peer_ca: material.path("ca-peer.crt"),
            client: material.clients.issue(scratch.path(), &format!("infra{host}-client"), &leaf).unwrap(),
            peer: material.peers.issue(scratch.path(), &format!("infra{host}-peer"), &leaf).unwrap(),
            user: material.client("user", &Leaf::default()),
        })
    });
    for host in 0..3 {
        let path = |name: &str| scratch.text(name);
        let mut arguments = flags(&scratch, host);
        arguments.extend([
            "--client-cert-auth".to_owned(),
            format!("--trusted-ca-file={}", path("ca-client.crt")),
            format!("--cert-file={}", path(&format!("infra{host}-client.crt"))),
            format!("--key-file={}", path(&format!("infra{host}-client.key"))),
            "--peer-client-cert-auth".to_owned(),
            "--peer-trusted-ca-file=ca-peer.crt".to_owned(),
            format!("--peer-cert-file={}", path(&format!("infra{host}-peer.crt"))),
            format!("--peer-key-file={}", path(&format!("infra{host}-peer.key"))),
        ]);
        servers.push(Server::start(&scratch, arguments));
    }
    assert_works(&security);
    for server in &mut servers {
        assert!(
            server.is_running() && !server.output().contains("rejected connection"),
            "{}",
            server.output()
        );
    }
}

#[test]
fn automatic_certificates() {
    let _addresses = Addresses::take();
    let scratch = Scratch::new();
    let start = |host| {
        let mut arguments = flags(&scratch, host);
        arguments.extend(["--auto-tls".to_owned(), "--peer-auto-tls".to_owned()]);
        Server::start(&scratch, arguments)
    };
    let mut servers: Vec<_> = (0..3).map(start).collect();
    assert_works(&[const { Security::Auto }; 3]);
    for (host, server) in servers.iter_mut().enumerate() {
        assert!(server.is_running());
        let fixtures = scratch.join(&format!("infra{host}/fixtures/peer/cert.pem"));
        assert!(Path::new(&fixtures).exists());
    }
}
