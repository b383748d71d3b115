//! Keys and chains as people have them, made by `openssl`.

use std::path::Path;

use etcd_it::foreign;

use super::material::{Curl, run, start, text};
use crate::lone::Lone;

/// How `openssl` makes a key, by what it is.
const KEYS: [(&str, &str, &[&str]); 6] = [
    ("RSA, PKCS#1", "BEGIN RSA PRIVATE KEY", &["genrsa", "-traditional", "-out", "{key}", "2048"]),
    ("RSA, PKCS#8", "BEGIN PRIVATE KEY", &["genpkey", "-algorithm", "RSA", "-out", "{key}"]),
    ("P-256, SEC1", "BEGIN EC PRIVATE KEY", &["ecparam", "-genkey", "-name", "prime256v1", "-out", "{key}"]),
    (
        "P-256, PKCS#8",
        "BEGIN PRIVATE KEY",
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "{key}"],
    ),
    (
        "P-384, PKCS#8",
        "BEGIN PRIVATE KEY",
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "{key}"],
    ),
    ("Ed25519", "BEGIN PRIVATE KEY", &["genpkey", "-algorithm", "ED25519", "-out", "{key}"]),
];

fn openssl(program: &Path, arguments: &[&str], key: &str) {
    let arguments: Vec<String> = arguments.iter().map(|word| word.replace("{key}", key)).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(program, &words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// One certificate that is its own authority, as `openssl req -x509` makes it, for the server and its clients.
#[test]
fn keys_of_every_kind() {
    let Some(program) = foreign("openssl") else { return };
    for (kind, header, command) in KEYS {
        let mut lone = Lone::new();
        let (cert, key) = (lone.scratch.text("own.crt"), lone.scratch.text("own.key"));
        openssl(&program, command, &key);
        assert!(std::fs::read_to_string(&key).unwrap().contains(header), "{kind}");
        let request =
            ["req", "-x509", "-new", "-key", "{key}", "-days", "2", "-subj", "/CN=own", "-out", &cert];
        let san = ["-addext", "subjectAltName=IP:127.0.0.1"];
        openssl(&program, &[&request[..], &san].concat(), &key);
        let Some(curl) = Curl::trusting(Path::new(&cert)) else { return };

        // The flags below are the certificates; the URLs are what the specification is for here.
        lone.spec.security = etcd_testkit::Security::Auto;
        let files =
            ["--cert-file", &cert, "--key-file", &key, "--trusted-ca-file", &cert, "--client-cert-auth"];
        let peer = ["--peer-cert-file", &cert, "--peer-key-file", &key, "--peer-trusted-ca-file", &cert];
        let server = start(&lone, &[&files[..], &peer, &["--peer-client-cert-auth"]].concat());
        let files = etcd_testkit::CertFiles { cert: cert.into(), key: key.into() };
        let curl = curl.showing(&files);
        let health = curl.get(&format!("{}/health", lone.spec.client_url()), &[]);
        assert!(health.is_ok(), "{kind}: {health:?}\n{}", server.output());
        let members = curl.get(&format!("{}/members", lone.spec.peer_url()), &[]);
        assert!(members.is_ok(), "{kind}: {members:?}");
        assert!(server.output().contains("ignoring client auto TLS since certs given"));
        assert!(server.output().contains("ignoring peer auto TLS since certs given"));
    }
}

#[test]
fn a_key_on_p_521_is_refused_with_a_hint() {
    let Some(program) = foreign("openssl") else { return };
    let mut lone = Lone::new();
    lone.spec.security = etcd_testkit::Security::Auto;
    let (cert, key) = (lone.scratch.text("own.crt"), lone.scratch.text("own.key"));
    openssl(&program, &["ecparam", "-genkey", "-name", "secp521r1", "-out", "{key}"], &key);
    let request = ["req", "-x509", "-new", "-key", "{key}", "-days", "2", "-subj", "/CN=own", "-out", &cert];
    openssl(&program, &request, &key);
    let more = ["--cert-file", &cert, "--key-file", &key];
    let ended = etcd_it::Server::start(&lone.scratch, lone.with(&more)).wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot be used") && ended.stderr.contains("P-256"), "{}", ended.stderr);
    assert!(text(Path::new(&key)).ends_with("own.key"));
}
