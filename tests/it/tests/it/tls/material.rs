//! Certificates and foreign clients for these tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use etcd_it::{DEADLINE, Scratch, Server, foreign};
use etcd_testkit::{Authority, CertFiles, Certificates, Leaf, MemberSpec, Probe, Security, wait_until};

use crate::lone::Lone;

/// Two authorities, and certificates made by them, all in one directory.
pub(crate) struct Material {
    pub(crate) directory: PathBuf,
    pub(crate) clients: Authority,
    pub(crate) peers: Authority,
}

impl Material {
    pub(crate) fn new(scratch: &Scratch) -> Self {
        Self::in_directory(&scratch.join("certs"))
    }

    pub(crate) fn in_directory(directory: &Path) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        Self {
            clients: Authority::open_or_create(directory, "ca-client", 30).unwrap(),
            peers: Authority::open_or_create(directory, "ca-peer", 30).unwrap(),
            directory: directory.to_owned(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A client's certificate.
    pub(crate) fn client(&self, name: &str, leaf: &Leaf<'_>) -> CertFiles {
        self.clients.issue(&self.directory, name, leaf).unwrap()
    }

    /// Everything that a member on loopback needs.
    pub(crate) fn member(&self, name: &str) -> Certificates {
        let hosts = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let leaf = Leaf { common_name: name, hosts: &hosts, ..Leaf::default() };
        Certificates {
            client_ca: self.clients.cert().to_owned(),
            peer_ca: self.peers.cert().to_owned(),
            client: self.clients.issue(&self.directory, &format!("{name}-client"), &leaf).unwrap(),
            peer: self.peers.issue(&self.directory, &format!("{name}-peer"), &leaf).unwrap(),
            user: self.client("root", &Leaf { common_name: "root", ..Leaf::default() }),
        }
    }
}

/// A member of its own that speaks TLS, with certificates of [`Material`].
pub(crate) fn secure_member() -> (Lone, Material) {
    let mut lone = Lone::new();
    let material = Material::new(&lone.scratch);
    lone.spec.security = Security::Files(material.member("infra0"));
    (lone, material)
}

/// The certificates in a specification.
pub(crate) fn certificates(spec: &MemberSpec) -> &Certificates {
    match &spec.security {
        Security::Files(files) => files,
        other => panic!("no certificates: {other:?}"),
    }
}

/// Runs a program of somebody else to its end.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("ETCDCTL_API")
        .output()
        .expect("it can be run")
}

/// `curl`, as somebody with a certificate or without.
pub(crate) struct Curl {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Curl {
    /// `None` when it is not installed.
    pub(crate) fn trusting(ca: &Path) -> Option<Self> {
        let arguments = ["--silent", "--show-error", "--max-time", "60", "--cacert"].map(str::to_owned);
        let mut arguments = arguments.to_vec();
        arguments.push(ca.display().to_string());
        Some(Self { program: foreign("curl")?, arguments })
    }

    #[must_use]
    pub(crate) fn showing(mut self, files: &CertFiles) -> Self {
        self.arguments.extend(["--cert".to_owned(), files.cert.display().to_string()]);
        self.arguments.extend(["--key".to_owned(), files.key.display().to_string()]);
        self
    }

    /// The answer to a GET, or what `curl` says about having none.
    pub(crate) fn get(&self, url: &str, more: &[&str]) -> Result<String, String> {
        let arguments: Vec<&str> =
            self.arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let output = run(&self.program, &[&arguments[..], &[url]].concat());
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// Whether `openssl s_client` can shake hands; and what it says.
pub(crate) fn s_client(openssl: &Path, address: &str, more: &[&str]) -> (bool, String) {
    let fixed = ["s_client", "-connect", address, "-brief", "-verify_return_error"];
    let output = run(openssl, &[&fixed[..], more].concat());
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success() && said.contains("CONNECTION ESTABLISHED"), said)
}

/// Starts a member and waits until it says that it serves.
pub(crate) fn start(lone: &Lone, more: &[&str]) -> Server {
    let mut server = Server::start(&lone.scratch, lone.with(more));
    server.wait_for_output("ready to serve client requests");
    server
}

/// Asks the member, and is as patient as any other wait.
pub(super) fn probe(lone: &Lone) -> Probe {
    Probe::patient(&lone.spec, DEADLINE)
}

/// Waits until the server has said `text`: what it does to a connection may be seen before it is logged.
pub(super) fn until_said(server: &Server, text: &str) {
    until(&format!("the server to say {text:?}"), || {
        let said = server.output();
        if said.contains(text) { Ok(()) } else { Err(said) }
    });
}

/// Waits until `look` is true.
pub(crate) fn until(what: &str, mut look: impl FnMut() -> Result<(), String>) {
    wait_until(what, DEADLINE, &mut look).unwrap_or_else(|error| panic!("{error}"));
}

pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}
