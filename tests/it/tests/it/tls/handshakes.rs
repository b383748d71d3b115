//! Who gets through and who does not.

use std::process::Command;

use etcd_it::{Ctl, foreign};
use etcd_testkit::Leaf;

use super::material::{Curl, certificates, probe, run, s_client, secure_member, start, text, until_said};
use crate::lone::Lone;

#[test]
fn clients_of_every_kind() {
    let (lone, material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(curl) = Curl::trusting(&files.client_ca) else { return };
    let Some(openssl) = foreign("openssl") else { return };
    let crl = material.path("crl.pem");
    material.clients.revoke(&crl, &[0x7777]).unwrap();
    let server = start(&lone, &["--client-crl-file", &text(&crl)]);
    let health = format!("{}/health", lone.spec.client_url());
    let address = format!("127.0.0.1:{}", lone.spec.client_port);

    // Accepted: HTTP/2 and HTTP/1.1, TLS 1.2 and 1.3, etcdctl, and a client of ours.
    let good = curl.showing(&files.user);
    for more in [&["--http2"][..], &["--http1.1"], &["--tls-max", "1.2"], &["--tlsv1.3"]] {
        let answer = good.get(&health, more);
        assert!(answer.as_ref().is_ok_and(|answer| answer.contains("\"true\"")), "{more:?}: {answer:?}");
    }
    assert!(probe(&lone).health().unwrap());
    let days = probe(&lone).metrics().unwrap().value("etcd_server_tls_certificate_expiration_days");
    assert!(days.is_some());
    assert_eq!(ctl(&lone, &["put", "a", "b"]), Some("OK\n".to_owned()));
    assert_eq!(ctl(&lone, &["get", "a"]), Some("a\nb\n".to_owned()));
    let (cert, key, ca) = (text(&files.user.cert), text(&files.user.key), text(&files.client_ca));
    let shown = ["-CAfile", &ca, "-cert", &cert, "-key", &key];
    for version in ["-tls1_2", "-tls1_3"] {
        let (shaken, said) = s_client(&openssl, &address, &[&shown[..], &[version]].concat());
        assert!(shaken, "{version}: {said}");
    }

    // Refused: for what they show.
    let client = |name: &str, leaf: &Leaf<'_>| material.client(name, leaf);
    let of_peer = material.peers.issue(&material.directory, "stranger", &Leaf::default()).unwrap();
    for (why, files) in [
        ("expired", client("expired", &Leaf { from_days: -3, to_days: -1, ..Leaf::default() })),
        ("not yet valid", client("early", &Leaf { from_days: 2, to_days: 3, ..Leaf::default() })),
        ("revoked", client("revoked", &Leaf { serial: Some(0x7777), ..Leaf::default() })),
        ("of another authority", of_peer),
    ] {
        let curl = Curl::trusting(material.clients.cert()).unwrap().showing(&files);
        for more in [&[][..], &["--tls-max", "1.2"]] {
            let answer = curl.get(&health, more);
            assert!(answer.is_err(), "{why} {more:?}: {answer:?}");
        }
    }
    let nothing = Curl::trusting(&files.client_ca).unwrap();
    assert!(nothing.get(&health, &[]).is_err(), "no certificate");
    until_said(&server, "rejected connection on client endpoint");

    // Refused: by the client, for what the server shows.
    let distrustful = Curl::trusting(&files.peer_ca).unwrap().showing(&files.user);
    assert!(distrustful.get(&health, &[]).unwrap_err().contains("60"), "another authority");
    let resolve = format!("other.test:{}:127.0.0.1", lone.spec.client_port);
    let other = format!("https://other.test:{}/health", lone.spec.client_port);
    assert!(good.get(&other, &["--resolve", &resolve]).is_err(), "another name");

    // Refused: what is spoken.
    let (shaken, said) =
        s_client(&openssl, &address, &[&shown[..], &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]].concat());
    assert!(!shaken, "TLS 1.1: {said}");
    until_said(&server, "offers no version of TLS");
    let plain = health.replace("https://", "http://");
    assert!(good.get(&plain, &[]).is_err(), "plain text on a TLS port");
    until_said(&server, "speaks no TLS");
    assert!(good.get(&health, &[]).is_ok(), "none of this has hurt the server");
}

/// `etcdctl` as the user.
fn ctl(lone: &Lone, arguments: &[&str]) -> Option<String> {
    let files = certificates(&lone.spec);
    let ctl = Ctl::new(&[lone.spec.client_url()])?;
    let (ca, cert, key) = (text(&files.client_ca), text(&files.user.cert), text(&files.user.key));
    Some(ctl.ok(&[&["--cacert", &ca, "--cert", &cert, "--key", &key], arguments].concat()))
}

#[test]
fn members_are_not_clients_and_must_come_from_where_they_live() {
    let (lone, material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(curl) = Curl::trusting(&files.peer_ca) else { return };
    let curl = curl.showing(&files.peer);
    let server = start(&lone, &[]);
    let members = format!("{}/members", lone.spec.peer_url());
    assert!(curl.get(&members, &[]).is_ok_and(|answer| answer.contains("infra0")));
    assert!(Curl::trusting(&files.peer_ca).unwrap().get(&members, &[]).is_err(), "no certificate");
    let client = Curl::trusting(&files.peer_ca).unwrap().showing(&files.user);
    assert!(client.get(&members, &[]).is_err(), "a client's certificate on the peer port");
    let health = format!("{}/health", lone.spec.client_url());
    let peer = Curl::trusting(&files.client_ca).unwrap().showing(&files.peer);
    assert!(peer.get(&health, &[]).is_err(), "a member's certificate on the client port");
    assert!(curl.get(&members.replace("https://", "http://"), &[]).is_err(), "plain text");

    // The certificate says 127.0.0.1 and localhost.
    assert!(curl.get(&members, &["--interface", "127.0.0.9"]).is_err(), "from another address");
    until_said(&server, "rejected connection on peer endpoint");
    let nowhere = material.peers.issue(&material.directory, "nowhere", &Leaf::default()).unwrap();
    let anywhere = Curl::trusting(&files.peer_ca).unwrap().showing(&nowhere);
    assert!(anywhere.get(&members, &["--interface", "127.0.0.9"]).is_ok(), "a certificate without addresses");
    drop(server);
    let _server = start(&lone, &["--peer-skip-client-san-verification"]);
    assert!(curl.get(&members, &["--interface", "127.0.0.9"]).is_ok(), "not checked");
}

#[test]
fn names_that_are_allowed() {
    let (lone, material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(curl) = Curl::trusting(&files.client_ca) else { return };
    let host = ["app.example.com".to_owned()];
    let app = material.client("app", &Leaf { common_name: "app", hosts: &host, ..Leaf::default() });
    let _server = start(
        &lone,
        &[
            "--client-cert-allowed-hostname",
            "app.example.com,b.example.com",
            "--peer-cert-allowed-cn",
            "infra0,infra9",
        ],
    );
    let health = format!("{}/health", lone.spec.client_url());
    assert!(curl.showing(&app).get(&health, &[]).is_ok());
    let root = Curl::trusting(&files.client_ca).unwrap().showing(&files.user);
    assert!(root.get(&health, &[]).is_err(), "another host name");

    let members = format!("{}/members", lone.spec.peer_url());
    let peer = Curl::trusting(&files.peer_ca).unwrap().showing(&files.peer);
    assert!(peer.get(&members, &[]).is_ok());
    let stranger = Leaf { common_name: "infra1", ..Leaf::default() };
    let stranger = material.peers.issue(&material.directory, "infra1", &stranger).unwrap();
    let stranger = Curl::trusting(&files.peer_ca).unwrap().showing(&stranger);
    assert!(stranger.get(&members, &[]).is_err(), "another common name");
}

/// With `--client-cert-auth` the common name says who it is, over gRPC alone.
#[test]
fn certificates_name_users() {
    let (lone, material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let _server = start(&lone, &[]);
    if ctl(&lone, &["put", "a", "b"]).is_none() {
        return;
    }
    for command in [
        &["user", "add", "root", "--no-password"][..],
        &["user", "grant-role", "root", "root"],
        &["user", "add", "ann", "--no-password"],
        &["role", "add", "reader"],
        &["role", "grant-permission", "reader", "read", "a"],
        &["user", "grant-role", "ann", "reader"],
        &["auth", "enable"],
    ] {
        ctl(&lone, command);
    }
    assert_eq!(ctl(&lone, &["put", "a", "c"]), Some("OK\n".to_owned()), "root by certificate");
    let ask = |files: &etcd_testkit::CertFiles, arguments: &[&str]| {
        let ca = text(material.clients.cert());
        let (cert, key) = (text(&files.cert), text(&files.key));
        let words = [&["--cacert", &ca, "--cert", &cert, "--key", &key], arguments].concat();
        Ctl::new(&[lone.spec.client_url()]).unwrap().run(&words)
    };
    let ann = material.client("ann", &Leaf { common_name: "ann", ..Leaf::default() });
    assert_eq!(ask(&ann, &["get", "a"]).stdout, "a\nc\n");
    let put = ask(&ann, &["put", "a", "d"]);
    assert!(put.stderr.contains("permission denied"), "{put:?}");
    let nobody = material.client("nobody", &Leaf::default());
    let get = ask(&nobody, &["get", "a"]);
    assert_ne!(get.code, Some(0), "{get:?}");
    // The gateway refuses what would silently not be asked in ann's name.
    let curl = Curl::trusting(&files.client_ca).unwrap().showing(&ann);
    let range = format!("{}/v3/kv/range", lone.spec.client_url());
    let said = curl.get(&range, &["--data", r#"{"key":"YQ=="}"#]).unwrap();
    assert!(said.contains("CommonName of client sending a request against gateway"), "{said}");
}

#[test]
fn tls_on_a_plain_port_is_an_error_and_no_harm() {
    let lone = Lone::new();
    let material = super::material::Material::new(&lone.scratch);
    let Some(curl) = Curl::trusting(material.clients.cert()) else { return };
    let _server = lone.start();
    for url in [lone.spec.client_url(), lone.spec.peer_url()] {
        let answer = curl.get(&url.replace("http://", "https://"), &[]);
        assert!(answer.is_err(), "{answer:?}");
        let plain =
            Command::new(foreign("curl").unwrap()).args(["-s", &format!("{url}/version")]).output().unwrap();
        assert!(plain.status.success());
    }
}

#[test]
fn versions_and_cipher_suites() {
    let (lone, _material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(openssl) = foreign("openssl") else { return };
    let address = format!("127.0.0.1:{}", lone.spec.client_port);
    let (cert, key, ca) = (text(&files.user.cert), text(&files.user.key), text(&files.client_ca));
    let shown = ["-CAfile", &ca, "-cert", &cert, "-key", &key];
    let shake = |more: &[&str]| s_client(&openssl, &address, &[&shown[..], more].concat());
    {
        let _server = start(&lone, &["--tls-min-version", "TLS1.3"]);
        assert!(shake(&["-tls1_3"]).0 && !shake(&["-tls1_2"]).0);
    }
    {
        let _server = start(&lone, &["--tls-max-version", "TLS1.2"]);
        assert!(shake(&["-tls1_2"]).0 && !shake(&["-tls1_3"]).0);
    }
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_RSA_WITH_AES_128_CBC_SHA";
    let server = start(&lone, &["--cipher-suites", suite]);
    let (shaken, said) = shake(&["-tls1_2"]);
    assert!(shaken && said.contains("ECDHE-ECDSA-AES256-GCM-SHA384"), "{said}");
    assert!(!shake(&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]).0);
    assert!(server.output().contains("a weak cipher suite is left out"));
    assert!(run(&openssl, &["version"]).status.success());
}
