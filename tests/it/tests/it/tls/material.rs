//! Certificates and foreign clients for these tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use etcd_it::{DEADLINE, Scratch, Server, foreign};
use etcd_testkit::{Authority, CertFiles, Certificates, Leaf, MemberSpec, Security, wait_until};

use crate::lone::Lone;

/// Two authorities, and certificates made by them, all in one directory.
pub(super) struct Material {
    pub(super) directory: PathBuf,
    pub(super) clients: Authority,
    pub(super) peers: Authority,
}

impl Material {
    pub(super) fn new(scratch: &Scratch) -> Self {
        Self::in_directory(&scratch.join("certs"))
    }

    pub(super) fn in_directory(directory: &Path) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        Self {
            clients: Authority::open_or_create(directory, "ca-client", 30).unwrap(),
            peers: Authority::open_or_create(directory, "ca-peer", 30).unwrap(),
            directory: directory.to_owned(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// A client's certificate.
    pub(super) fn client(&self, name: &str, leaf: &Leaf<'_>) -> CertFiles {
        self.clients.issue(&self.directory, name, leaf).unwrap()
    }

    /// Everything that a member on loopback needs.
    pub(super) fn member(&self, name: &str) -> Certificates {
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
pub(super) fn secure_member() -> (Lone, Material) {
    let mut lone = Lone::new();
    let material = Material::new(&lone.scratch);
    lone.spec.security = Security::Files(material.member("infra0"));
    (lone, material)
}

/// The certificates in a specification.
pub(super) fn certificates(spec: &MemberSpec) -> &Certificates {
    match &spec.security {
        Security::Files(files) => files,
        other => panic!("no certificates: {other:?}"),
    }
}

/// Runs a program of somebody else to its end.
pub(super) fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove("ETCDCTL_API")
        .output()
        .expect("it can be run")
}

/// `curl`, as somebody with a certificate or without.
pub(super) struct Curl {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Curl {
    /// `None` when it is not installed.
    pub(super) fn trusting(ca: &Path) -> Option<Self> {
        let arguments = ["--silent", "--show-error", "--max-time", "60", "--cacert"].map(str::to_owned);
        let mut arguments = arguments.to_vec();
        arguments.push(ca.display().to_string());
        Some(Self { program: foreign("curl")?, arguments })
    }

    #[must_use]
    pub(super) fn showing(mut self, files: &CertFiles) -> Self {
        self.arguments.extend(["--cert".to_owned(), files.cert.display().to_string()]);
        self.arguments.extend(["--key".to_owned(), files.key.display().to_string()]);
        self
    }

    /// The answer to a GET, or what `curl` says about having none.
    pub(super) fn get(&self, url: &str, more: &[&str]) -> Result<String, String> {
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
pub(super) fn s_client(openssl: &Path, address: &str, more: &[&str]) -> (bool, String) {
    let fixed = ["s_client", "-connect", address, "-brief", "-verify_return_error"];
    let output = run(openssl, &[&fixed[..], more].concat());
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success() && said.contains("CONNECTION ESTABLISHED"), said)
}

/// Starts a member and waits until it says that it serves.
pub(super) fn start(lone: &Lone, more: &[&str]) -> Server {
    let mut server = Server::start(&lone.scratch, lone.with(more));
    server.wait_for_output("ready to serve client requests");
    server
}

/// Waits until `look` is true.
pub(super) fn until(what: &str, mut look: impl FnMut() -> Result<(), String>) {
    wait_until(what, DEADLINE, &mut look).unwrap_or_else(|error| panic!("{error}"));
}

pub(super) fn text(path: &Path) -> String {
    path.display().to_string()
}
