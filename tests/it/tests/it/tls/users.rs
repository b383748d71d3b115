//! Users who prove who they are by the common name of their certificate.

use std::path::Path;

use etcd_it::{Answer, Ctl};
use etcd_testkit::{CertFiles, Leaf};

use super::material::{Curl, certificates, secure_member, start, text};

const DENIED: &str = "Error: etcdserver: permission denied\n";

#[test]
fn a_certificate_says_who_its_owner_is() {
    let (lone, material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let _server = start(&lone, &[]);
    let url = lone.spec.client_url();
    let Some(ctl) = Ctl::new(&[&url]) else { return };
    let named = |name| material.client(name, &Leaf { common_name: name, ..Leaf::default() });
    let (root, ann, bob) = (named("root"), named("ann"), named("bob"));
    let run = |who: &CertFiles, command: &str| run(&ctl, &files.client_ca, who, command);
    for command in [
        "user add root --no-password",
        "user grant-role root root",
        "user add ann:s3cret",
        "role add letters",
        "role grant-permission letters readwrite a",
        "user grant-role ann letters",
        "put z 1",
        "auth enable",
    ] {
        let answer = run(&bob, command);
        assert_eq!(answer.code, Some(0), "etcdctl {command}: {answer:?}");
    }

    let check = |who: &CertFiles, command: &str, said: &str| {
        let answer = run(who, command);
        assert!(answer.stdout + &answer.stderr == said, "etcdctl {command}: {said}");
    };
    check(&root, "put a 1", "OK\n");
    check(&root, "user list", "ann\nroot\n");
    check(&ann, "get a", "a\n1\n");
    check(&ann, "put a 2", "OK\n");
    check(&ann, "get z", DENIED);
    check(&ann, "user list", DENIED);
    // A certificate of nobody's.
    check(&bob, "get a", DENIED);
    check(&bob, "user list", "Error: etcdserver: user name not found\n");
    // A token counts more.
    check(&root, "--user=ann:s3cret get z", DENIED);
    check(&bob, "--user=ann:s3cret get a", "a\n2\n");

    // Through the gateway nobody is who the certificate says.
    let Some(curl) = Curl::trusting(&files.client_ca) else { return };
    let curl = curl.showing(&root);
    let range = curl.get(&format!("{url}/v3/kv/range"), &["--data", r#"{"key":"YQ=="}"#]).unwrap();
    assert_eq!(
        range,
        "CommonName of client sending a request against gateway will be ignored and not used as expected\n"
    );
    assert!(curl.get(&format!("{url}/health"), &[]).unwrap().contains("\"true\""));
}

/// `etcdctl` with a certificate.
fn run(ctl: &Ctl, ca: &Path, who: &CertFiles, command: &str) -> Answer {
    let (ca, cert, key) = (text(ca), text(&who.cert), text(&who.key));
    let words: Vec<&str> = command.split(' ').collect();
    ctl.run(&[&["--cacert", &ca, "--cert", &cert, "--key", &key], &words[..]].concat())
}
