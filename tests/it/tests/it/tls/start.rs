//! What a start says about certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use etcd_it::{Ended, Server};
use etcd_testkit::{Security, Signal, reserve_ports};

use super::material::{Curl, certificates, probe, secure_member, start};
use crate::lone::Lone;

/// A member with https URLs and no certificates.
fn https() -> (Lone, Vec<String>) {
    let mut lone = Lone::new();
    lone.spec.security = Security::Auto;
    let arguments: Vec<String> =
        lone.arguments().into_iter().filter(|word| !word.ends_with("auto-tls")).collect();
    (lone, arguments)
}

fn refuse(lone: &Lone, arguments: &[String], more: &[&str]) -> Ended {
    let more = more.iter().map(|word| (*word).to_owned());
    let ended = Server::start(&lone.scratch, arguments.iter().cloned().chain(more)).wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.human_lines().is_empty(), "{}", ended.stderr);
    assert!(ended.stderr.lines().any(|line| line.starts_with("hint: ")), "no hint: {}", ended.stderr);
    ended
}

fn says(ended: &Ended, text: &str) {
    assert!(
        ended.human_lines().iter().any(|line| line.contains(text)),
        "{text:?} is not in:\n{}",
        ended.stderr
    );
}

#[test]
fn https_urls_need_certificates() {
    let (lone, arguments) = https();
    let ended = refuse(&lone, &arguments, &[]);
    let peer = lone.spec.peer_port;
    says(
        &ended,
        &format!("cannot listen on TLS for 127.0.0.1:{peer}: KeyFile and CertFile are not presented"),
    );
    let ended = refuse(&lone, &arguments, &["--peer-auto-tls"]);
    let url = lone.spec.client_url();
    says(
        &ended,
        &format!("TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with HTTPS"),
    );
    let plain = Lone::new();
    let ports = reserve_ports(1).unwrap();
    let url = format!("https://127.0.0.1:{}", ports[0].get());
    let ended = refuse(&plain, &plain.arguments(), &["--listen-metrics-urls", &url]);
    says(&ended, "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url");
    let ended = refuse(&plain, &plain.arguments(), &["--listen-client-http-urls", &url]);
    says(
        &ended,
        &format!("TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with HTTPS"),
    );
    assert!(!lone.spec.data_dir.join("member/wal").exists());
}

#[test]
fn files_that_cannot_be_used() {
    let (lone, arguments) = https();
    let (other, material) = secure_member();
    let files = certificates(&other.spec);
    let path = |path: &Path| path.display().to_string();
    let (cert, key) = (path(&files.client.cert), path(&files.client.key));
    let refuse = |more: &[&str]| refuse(&lone, &arguments, &[&["--peer-auto-tls"], more].concat());

    let ended = refuse(&["--key-file", &key]);
    says(&ended, &format!("KeyFile and CertFile must both be present[key: {key}, cert: ]"));
    let ended = refuse(&["--cert-file", "/nope", "--key-file", &key]);
    says(&ended, "open /nope: no such file or directory");
    let ended = refuse(&["--cert-file", &cert, "--key-file", &key, "--trusted-ca-file", "/nope"]);
    says(&ended, "open /nope: no such file or directory");
    let ended = refuse(&["--cert-file", &cert, "--key-file", &key, "--client-crl-file", "/nope"]);
    says(&ended, "open /nope: no such file or directory");
    let ended = refuse(&["--cert-file", &cert, "--key-file", &path(&files.peer.key)]);
    says(&ended, "tls: private key does not match public key");
    let ended = refuse(&["--cert-file", &key, "--key-file", &key]);
    says(&ended, "tls: failed to find any PEM data in certificate input");
    let ended = refuse(&["--cert-file", &cert, "--key-file", &key, "--cipher-suites", "TLS_GOOD"]);
    says(&ended, "unexpected TLS cipher suite \"TLS_GOOD\"");
    let ended = refuse(&["--peer-client-cert-file", &cert, "--cert-file", &cert, "--key-file", &key]);
    says(&ended, "ClientKeyFile and ClientCertFile must both be present or both absent");
    let both = ["--cert-file", &cert, "--key-file", &key, "--trusted-ca-file", &cert];
    let names = ["--peer-cert-allowed-cn", "a", "--peer-cert-allowed-hostname", "b"];
    let ended = refuse(&[&both[..], &names].concat());
    says(&ended, r#"AllowedCNs and AllowedHostnames are mutually exclusive (cns=["a"], hostnames=["b"])"#);
    drop(material);
}

#[test]
fn certificates_on_http_urls_are_not_used() {
    let (other, _material) = secure_member();
    let files = certificates(&other.spec);
    let lone = Lone::new();
    let path = |path: &Path| path.display().to_string();
    let server = start(
        &lone,
        &[
            "--cert-file",
            &path(&files.client.cert),
            "--key-file",
            &path(&files.client.key),
            "--client-cert-auth",
            "--peer-cert-file",
            &path(&files.peer.cert),
            "--peer-key-file",
            &path(&files.peer.key),
            "--peer-client-cert-auth",
        ],
    );
    let log = server.output();
    for text in [
        "scheme is HTTP while key and cert files are present; ignoring key and cert files",
        "scheme is HTTP while --peer-client-cert-auth is enabled; ignoring client cert auth for this URL",
        "scheme is http or unix while key and cert files are present; ignoring key and cert files",
        "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert auth for this URL",
    ] {
        assert!(log.contains(text), "{text:?} is not in:\n{log}");
    }
    assert!(probe(&lone).health().unwrap());
}

#[test]
fn automatic_certificates_are_kept() {
    let mut lone = Lone::new();
    lone.spec.security = Security::Auto;
    let server = start(&lone, &["--self-signed-cert-validity", "2"]);
    assert!(probe(&lone).health().unwrap());
    let fixtures = lone.spec.data_dir.join("fixtures");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut before = Vec::new();
    for port in ["client", "peer"] {
        let directory = fixtures.join(port);
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join("key.pem")), 0o600);
        assert_eq!(mode(&directory.join("cert.pem")), 0o644);
        before.push(fs::read(directory.join("cert.pem")).unwrap());
    }
    // Whoever pins the certificate can verify it.
    if let Some(curl) = Curl::trusting(&fixtures.join("client/cert.pem")) {
        let health = curl.get(&format!("{}/health", lone.spec.client_url()), &[]);
        assert!(health.is_ok(), "{health:?}");
    }
    let days = probe(&lone).metrics().unwrap().value("etcd_server_tls_certificate_expiration_days").unwrap();
    assert!((728.0..730.1).contains(&days), "{days}");
    server.signal(Signal::TERM);
    let _ended = server.wait();
    let _server = start(&lone, &[]);
    assert!(probe(&lone).health().unwrap());
    let after = ["client", "peer"].map(|port| fs::read(fixtures.join(port).join("cert.pem")).unwrap());
    assert_eq!(before, after);
}
