//! Every reason to refuse a certificate, shown with each of `openssl s_client`, `curl` and `etcdctl`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcd_it::{Ctl, foreign, prepare};
use etcd_testkit::{CertFiles, Certificates, Leaf, Security};

use super::material::{Curl, Material, certificates, secure_member, start, text, until};

/// The three of them, against one port.
struct Clients {
    openssl: PathBuf,
    host: &'static str,
    port: u16,
    trusted: PathBuf,
    /// `etcdctl` speaks gRPC, which only the client port does.
    has_grpc: bool,
}

impl Clients {
    /// `None` where one of them is not installed.
    fn new(port: u16, trusted: &Path, has_grpc: bool) -> Option<Self> {
        let (_curl, _ctl) = (foreign("curl")?, foreign("etcdctl")?);
        Some(Self {
            openssl: foreign("openssl")?,
            host: "127.0.0.1",
            port,
            trusted: trusted.to_owned(),
            has_grpc,
        })
    }

    /// Whether each of them gets an answer when it shows `own`, with TLS 1.2 and 1.3 where that can be said.
    fn answers(&self, own: Option<&CertFiles>, expected: bool) -> Vec<(&'static str, bool)> {
        let mut answers = vec![
            ("openssl s_client, TLS 1.2", self.s_client(own, "-tls1_2")),
            ("openssl s_client, TLS 1.3", self.s_client(own, "-tls1_3")),
            ("curl, TLS 1.2", self.curl(own, &["--tls-max", "1.2"])),
            ("curl, TLS 1.3", self.curl(own, &["--tlsv1.3"])),
        ];
        if self.has_grpc {
            answers.push(("etcdctl", self.etcdctl(own, expected)));
        }
        answers
    }

    fn all(&self, own: Option<&CertFiles>, why: &str, expected: bool) {
        for (client, answer) in self.answers(own, expected) {
            assert_eq!(answer, expected, "{why}: {client}");
        }
    }

    /// Asks for `/version`: with TLS 1.3 a client learns only afterwards that it was refused.
    fn s_client(&self, own: Option<&CertFiles>, version: &str) -> bool {
        let address = format!("{}:{}", self.host, self.port);
        let mut command = Command::new(&self.openssl);
        command.args(["s_client", "-quiet", "-ign_eof", "-verify_return_error", version]);
        command.args(["-connect", &address, "-verify_ip", self.host, "-CAfile"]).arg(&self.trusted);
        if let Some(files) = own {
            command.arg("-cert").arg(&files.cert).arg("-key").arg(&files.key);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl can be run");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        // It may have ended without reading.
        let _unread = stdin.write_all(b"GET /version HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        drop(stdin);
        let output = child.wait_with_output().expect("openssl ends");
        String::from_utf8_lossy(&output.stdout).starts_with("HTTP/1.1 200")
    }

    fn curl(&self, own: Option<&CertFiles>, more: &[&str]) -> bool {
        let curl = Curl::trusting(&self.trusted).expect("curl is installed");
        let curl = match own {
            Some(files) => curl.showing(files),
            None => curl,
        };
        curl.get(&format!("https://{}:{}/version", self.host, self.port), more).is_ok()
    }

    fn etcdctl(&self, own: Option<&CertFiles>, expected: bool) -> bool {
        let url = format!("https://{}:{}", self.host, self.port);
        let ctl = Ctl::new(&[url]).expect("etcdctl is installed");
        let mut words = vec!["--cacert".to_owned(), text(&self.trusted)];
        if let Some(files) = own {
            words.extend(["--cert".to_owned(), text(&files.cert), "--key".to_owned(), text(&files.key)]);
        }
        // Where it is refused it tries until its time is over.
        let times: &[&str] = if expected { &[] } else { &["--command-timeout=10s", "--dial-timeout=3s"] };
        words.extend(times.iter().chain(&["get", "x"]).map(|word| (*word).to_owned()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        ctl.run(&words).code == Some(0)
    }
}

/// A certificate that nobody vouches for.
fn stranger(material: &Material) -> CertFiles {
    let own = Material::in_directory(&material.path("stranger"));
    own.client("stranger", &Leaf { common_name: "root", ..Leaf::default() })
}

#[test]
fn what_clients_show() {
    let (lone, material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(clients) = Clients::new(lone.spec.client_port, &files.client_ca, true) else { return };
    let crl = material.path("crl.pem");
    material.clients.revoke(&crl, &[0x7777]).unwrap();
    let host = ["app.example.com".to_owned()];
    let leaf = |leaf: Leaf<'static>| Leaf { common_name: "app", ..leaf };
    let issue = |name: &str, leaf: &Leaf<'_>| material.client(name, &Leaf { hosts: &host, ..leaf.clone() });
    let _server = start(
        &lone,
        &["--client-crl-file", &text(&crl), "--client-cert-allowed-hostname", "app.example.com"],
    );

    clients.all(Some(&issue("good", &leaf(Leaf::default()))), "a good certificate", true);
    let expired = leaf(Leaf { from_days: -3, to_days: -1, ..Leaf::default() });
    let early = leaf(Leaf { from_days: 2, to_days: 3, ..Leaf::default() });
    let revoked = leaf(Leaf { serial: Some(0x7777), ..Leaf::default() });
    for (why, files) in [
        ("expired", issue("expired", &expired)),
        ("not yet valid", issue("early", &early)),
        ("revoked", issue("revoked", &revoked)),
        ("for another host", material.client("elsewhere", &leaf(Leaf::default()))),
        (
            "of the members' authority",
            material.peers.issue(&material.directory, "peer", &leaf(Leaf::default())).unwrap(),
        ),
        ("of an unknown authority", stranger(&material)),
    ] {
        clients.all(Some(&files), why, false);
    }
    clients.all(None, "no certificate", false);
}

#[test]
fn what_members_show() {
    let (lone, material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(clients) = Clients::new(lone.spec.peer_port, &files.peer_ca, false) else { return };
    let crl = material.path("crl.pem");
    material.peers.revoke(&crl, &[0x7777]).unwrap();
    let here = ["127.0.0.1".to_owned()];
    let elsewhere = ["10.9.8.7".to_owned()];
    let good = Leaf { common_name: "infra1", hosts: &here, ..Leaf::default() };
    let issue = |name: &str, leaf: &Leaf<'_>| material.peers.issue(&material.directory, name, leaf).unwrap();
    let _server =
        start(&lone, &["--peer-crl-file", &text(&crl), "--peer-cert-allowed-cn", "infra0,infra1,infra2"]);

    clients.all(Some(&issue("good", &good)), "a good certificate", true);
    for (why, files) in [
        ("expired", issue("expired", &Leaf { from_days: -3, to_days: -1, ..good.clone() })),
        ("not yet valid", issue("early", &Leaf { from_days: 2, to_days: 3, ..good.clone() })),
        ("revoked", issue("revoked", &Leaf { serial: Some(0x7777), ..good.clone() })),
        ("another common name", issue("other", &Leaf { common_name: "infra9", ..good.clone() })),
        ("for another address", issue("elsewhere", &Leaf { hosts: &elsewhere, ..good.clone() })),
        ("of the clients' authority", material.client("client", &good)),
        ("of an unknown authority", stranger(&material)),
    ] {
        clients.all(Some(&files), why, false);
    }
    clients.all(None, "no certificate", false);
}

/// The same from the other side: each of the three refuses a server.
#[test]
fn what_servers_show() {
    let hosts = ["127.0.0.1".to_owned()];
    let others = ["other.test".to_owned(), "10.9.8.7".to_owned()];
    let good = Leaf { hosts: &hosts, ..Leaf::default() };
    let (here, there) = (true, false);
    for (why, leaf, of_clients, expected) in [
        ("a good certificate", good.clone(), here, true),
        ("expired", Leaf { from_days: -3, to_days: -1, ..good.clone() }, here, false),
        ("not yet valid", Leaf { from_days: 2, to_days: 3, ..good.clone() }, here, false),
        ("for another host", Leaf { hosts: &others, ..good.clone() }, here, false),
        ("of another authority", good.clone(), there, false),
    ] {
        let (lone, material) = secure_member();
        let files = certificates(&lone.spec).clone();
        let Some(clients) = Clients::new(lone.spec.client_port, &files.client_ca, true) else { return };
        let authority = if of_clients { &material.clients } else { &material.peers };
        let shown = authority.issue(&material.directory, "shown", &leaf).unwrap();
        let server = start(&lone, &["--cert-file", &text(&shown.cert), "--key-file", &text(&shown.key)]);
        clients.all(Some(&files.user), why, expected);
        let warned = |text: &str| server.output().contains(text);
        assert_eq!(warned("the certificate has expired"), why == "expired", "{why}");
        assert_eq!(warned("the certificate is not valid yet"), why == "not yet valid", "{why}");
    }
}

/// A member with a client's certificate is none for the others, and they are none for it when it trusts the wrong
/// authority.
#[test]
fn members_of_mixed_up_authorities_do_not_meet() {
    let scratch = etcd_it::Scratch::new();
    let material = Material::new(&scratch);
    let mut security: Vec<_> = (0..3).map(|index| material.member(&format!("infra{index}"))).collect();
    let mixed = Certificates { peer: security[2].client.clone(), ..security[2].clone() };
    security[2] = mixed;
    let security = security.into_iter().map(Security::Files).collect();
    let mut cluster = prepare(etcd_it::cluster(3).security(security));
    cluster.start(0).unwrap();
    cluster.start(1).unwrap();
    cluster.wait_for_leader().unwrap();
    cluster.start(2).unwrap();
    let logs: Vec<_> = cluster.members().iter().map(|member| member.log().to_owned()).collect();
    let log = |index: usize| std::fs::read_to_string(&logs[index]).unwrap_or_default();
    until("both sides to refuse each other", || {
        let refused = (0..2).any(|index| log(index).contains("rejected connection on peer endpoint"));
        if refused && log(2).contains("rejected connection on peer endpoint") {
            return Ok(());
        }
        Err(log(2))
    });
    for index in 0..2 {
        cluster.wait_for_health(index).unwrap();
    }
    assert!(!log(2).contains("ready to serve client requests"), "it takes no part");
}
