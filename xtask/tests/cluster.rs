//! `cargo xtask cluster` as people use it, in each way of finding each other: up, status, down, and nothing is left.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use etcd_testkit::{ReservedPort, reserve_ports, server_binary, wait_until};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);

/// Three members at ten ports' distance, with two ports each.
const OFFSETS: [u16; 6] = [0, 1, 10, 11, 20, 21];

/// A directory for a cluster, and its ports.
struct Place {
    directory: TempDir,
    base_port: u16,
    _ports: Vec<ReservedPort>,
}

impl Place {
    fn new() -> Self {
        let ports = reserve_ports(60).unwrap();
        let has = |port: u16| ports.iter().any(|ours| ours.get() == port);
        let base =
            ports.iter().map(ReservedPort::get).find(|base| OFFSETS.iter().all(|more| has(base + more)));
        Self { directory: tempfile::tempdir().unwrap(), base_port: base.unwrap(), _ports: ports }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("cluster")
    }

    /// `cargo xtask cluster <words>`.
    fn cluster(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .arg("cluster")
            .arg("--data")
            .arg(self.data())
            .args(words)
            .env("ETCD_BIN", server_binary().unwrap())
            .output()
            .unwrap()
    }

    /// The command lines that name the directory.
    fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap() {
            // It may have ended meanwhile.
            let words = std::fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            if words.contains(&self.data().display().to_string()) {
                found.push(words);
            }
        }
        found
    }

    /// What [`Place::cluster`] prints.
    fn ok(&self, words: &[&str]) -> String {
        let output = self.cluster(words);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Also when a check has failed: members run on without their starter.
        let _stopped = self.cluster(&["down", "--purge"]);
    }
}

fn is_go_3_4() -> bool {
    let output = Command::new(server_binary().unwrap()).arg("--version").output().unwrap();
    output.stdout.starts_with(b"etcd Version: 3.4.")
}

fn up_and_down(bootstrap: &str, tls: &str, says: &str) {
    if is_go_3_4() {
        eprintln!("NOT TESTED: cluster up: it is about this server");
        return;
    }
    let place = Place::new();
    let port = place.base_port.to_string();
    let up = ["up", "--bootstrap", bootstrap, "--tls", tls, "--base-port", &port, "--timeout", "300"];
    let said = place.ok(&up);
    assert!(said.contains(says), "{says:?} is not in:\n{said}");
    let scheme = if tls == "off" { "http" } else { "https" };
    for text in [
        format!("{scheme}://127.0.0.1:{port} "),
        "leader".to_owned(),
        "follower".to_owned(),
        format!("cluster --data {} kill leader", place.data().display()),
    ] {
        assert!(said.contains(&text), "{text:?} is not in:\n{said}");
    }
    // A member that does not answer in a moment counts as one that is starting.
    let settled = wait_until("a leader and two followers", DEADLINE, || {
        let status = place.cluster(&["status"]);
        let said = String::from_utf8_lossy(&status.stdout).into_owned();
        if status.status.success() && said.matches("follower").count() == 2 { Ok(()) } else { Err(said) }
    });
    settled.unwrap();
    // Whoever has a log looks for nobody.
    place.ok(&["stop", "infra1"]);
    place.ok(&["start", "infra1"]);
    assert!(place.ok(&up).contains("is already running"));

    // What they needed to find each other has gone.
    assert_eq!(place.processes().len(), 3, "{:?}", place.processes());
    let down = place.ok(&["down", "--purge"]);
    assert_eq!(down.matches("stopped infra").count(), 3, "{down}");
    assert!(!place.data().exists());
    assert_eq!(place.processes(), [""; 0]);
}

#[test]
fn statically() {
    up_and_down("static", "off", "infra2");
}

#[test]
fn through_a_discovery_service() {
    up_and_down("discovery", "off", "members register with a discovery service: http://127.0.0.1:");
}

#[test]
fn through_discovery_over_grpc() {
    up_and_down("discovery-v3", "off", "members register with an etcd: 127.0.0.1:");
}

#[test]
fn through_dns() {
    up_and_down(
        "dns",
        "off",
        "members look up _etcd-server._tcp.cluster.example.com at the name server 127.0.0.1:",
    );
}

#[test]
fn through_dns_with_certificates() {
    up_and_down("dns", "self-signed", "members look up _etcd-server-ssl._tcp.cluster.example.com");
}

#[test]
fn through_a_discovery_service_with_automatic_certificates() {
    up_and_down("discovery", "auto", "members register with a discovery service: http://127.0.0.1:");
}
