//! The service behind TLS, and with its tokens in a cluster behind TLS.

use etcd_it::{DEADLINE, DiscoveredMembers, Scratch, server};
use etcd_testkit::{Authority, CertFiles, Certificates, Cluster, Leaf, Security, wait_until};

use crate::service::Service;

fn issue(authority: &Authority, scratch: &Scratch, name: &str) -> CertFiles {
    let hosts = ["127.0.0.1".to_owned()];
    authority
        .issue(scratch.path(), name, &Leaf { common_name: name, hosts: &hosts, ..Leaf::default() })
        .unwrap()
}

#[test]
fn members_bootstrap_over_https_and_a_new_certificate_is_taken_over() {
    let scratch = Scratch::new();
    let authority = Authority::open_or_create(scratch.path(), "ca", 30).unwrap();
    let files = issue(&authority, &scratch, "service");
    let service = Service::start_secure(
        authority.cert(),
        &[
            &format!("--cert-file={}", files.cert.display()),
            &format!("--key-file={}", files.key.display()),
            "--requests-per-minute=100000",
        ],
    );
    let token = service.token("?size=3");
    let url = format!("{}{token}", service.url);
    assert!(url.starts_with("https://"), "{url}");
    assert!(service.page(&token).body.contains(&format!("--discovery {url}")));
    let ca = format!("--discovery-cacert={}", authority.cert().display());
    let members = DiscoveredMembers::start_with(&server(), &url, 3, &[&ca]);
    members.wait_for_cluster();
    let mut late = DiscoveredMembers::start_with(&server(), &url, 1, &[&ca]);
    assert_eq!(late.wait_for_exit(), Some(1));
    assert!(late.logs().contains("etcd: discovery cluster is full"), "{}", late.logs());

    // Another authority, and a certificate of its own in the place of the old one: new connections see it.
    let next = Authority::open_or_create(scratch.path(), "next", 30).unwrap();
    issue(&next, &scratch, "service");
    let refused = wait_until("the new certificate to be shown", DEADLINE, || {
        match service.try_send("GET", "/health", None, None) {
            Err(error) if error.to_string().contains("UnknownIssuer") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    refused.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn tokens_in_a_cluster_that_wants_certificates() {
    let scratch = Scratch::new();
    let authority = Authority::open_or_create(scratch.path(), "ca", 30).unwrap();
    let [member, user] = ["member", "user"].map(|name| issue(&authority, &scratch, name));
    let ca = authority.cert().to_owned();
    let security = Security::Files(Certificates {
        client_ca: ca.clone(),
        peer_ca: ca.clone(),
        client: member.clone(),
        peer: member,
        user: user.clone(),
    });
    let storage =
        Cluster::builder(server()).security(vec![security]).argument("--enable-v2").start().unwrap();
    let service = Service::start(&[
        &format!("--endpoints={}", storage.client_urls().remove(0)),
        &format!("--endpoints-cacert={}", ca.display()),
        &format!("--endpoints-cert={}", user.cert.display()),
        &format!("--endpoints-key={}", user.key.display()),
    ]);
    let token = service.token("?size=1");
    let members = DiscoveredMembers::start(&server(), &format!("{}{token}", service.url), 1);
    members.wait_for_cluster();
    assert!(service.page(&token).body.contains("The only member registered"));
}
