//! Sockets in the file system for clients: `unix://` and `unixs://`.

use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::process::Command;

use etcd_it::{Ctl, Server, foreign};
use etcd_testkit::{CertFiles, Security, Signal};

use crate::lone::Lone;

/// A member that listens on its port and on `url`.
fn start(lone: &Lone, url: &str, more: &[&str]) -> Server {
    let urls = format!("--listen-client-urls={},{url}", lone.spec.client_url());
    let mut server = Server::start(&lone.scratch, lone.with(&[&[&*urls], more].concat()));
    server.wait_for_output("ready to serve client requests");
    server
}

/// `None` when curl is not installed.
fn curl(socket: &str, arguments: &[&str]) -> Option<Result<String, String>> {
    let output = Command::new(foreign("curl")?)
        .args(["--silent", "--show-error", "--max-time", "60", "--unix-socket", socket])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
}

fn is_socket(path: &str) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

#[test]
fn clients_of_a_socket_in_the_file_system() {
    let lone = Lone::new();
    let socket = lone.scratch.text("clients.sock");
    let url = format!("unix://{socket}");
    let server = start(&lone, &url, &["--advertise-client-urls", &url]);
    assert!(is_socket(&socket));
    if let Some(ctl) = Ctl::new(&[&url]) {
        assert_eq!(ctl.ok(&["put", "a", "b"]), "OK\n");
        assert_eq!(ctl.ok(&["get", "a"]), "a\nb\n");
        let mut watch = ctl.spawn(&["watch", "a", "--rev=1"]);
        assert_eq!(watch.output_until("b\n"), "PUT\na\nb\n");
        assert!(ctl.ok(&["member", "list", "--write-out=json"]).contains(&url));
    }
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let Some(health) = curl(&socket, &[version, "http://localhost/health"]) else { break };
        assert!(health.as_ref().is_ok_and(|health| health.contains("\"true\"")), "{version}: {health:?}");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
    assert!(!Path::new(&socket).exists(), "the file goes with the server");
}

#[test]
fn a_killed_server_is_in_nobodys_way_and_a_running_one_is() {
    let lone = Lone::new();
    let socket = lone.scratch.text("clients.sock");
    let url = format!("unix:{socket}");
    let server = start(&lone, &url, &[]);
    server.signal(Signal::KILL);
    assert_eq!(server.wait().signal, Some(9));
    assert!(is_socket(&socket), "nobody has removed it");
    let server = start(&lone, &url, &[]);

    let other = Lone::new();
    let flag = format!("--listen-client-urls={url}");
    let ended = Server::start(&other.scratch, other.with(&[&flag])).wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let text = format!("listen unix {socket}: bind: address already in use");
    assert!(ended.human_lines().iter().any(|line| line.contains(&text)), "{}", ended.stderr);
    assert!(is_socket(&socket));
    drop(server);
}

#[test]
fn certificates_on_a_socket_in_the_file_system() {
    let mut lone = Lone::new();
    let (secure, http) = (lone.scratch.text("secure.sock"), lone.scratch.text("metrics.sock"));
    lone.spec.security = Security::Auto;
    let url = format!("unixs://{secure}");
    let fixtures = lone.spec.data_dir.join("fixtures/client");
    let own = CertFiles { cert: fixtures.join("cert.pem"), key: fixtures.join("key.pem") };
    let cert = own.cert.display().to_string();
    let metrics = format!("--listen-metrics-urls=unix://{http}");
    let _server = start(&lone, &format!("{url},unixs://localhost:7"), &[&metrics]);
    let Some(health) = curl(&secure, &["--cacert", &cert, "https://localhost/health"]) else { return };
    assert!(health.as_ref().is_ok_and(|health| health.contains("\"true\"")), "{health:?}");
    let plain = curl(&secure, &["http://localhost/health"]).unwrap();
    assert!(plain.is_err(), "plain text: {plain:?}");
    let metrics = curl(&http, &["http://localhost/metrics"]).unwrap();
    assert!(metrics.as_ref().is_ok_and(|page| page.contains("etcd_server_has_leader 1")), "{metrics:?}");
    // etcdctl takes what stands for the host as the name in the certificate, and the whole for the file.
    let Some(etcdctl) = foreign("etcdctl") else { return };
    let put = Command::new(etcdctl)
        .current_dir(lone.scratch.path())
        .env("ETCDCTL_API", "3")
        .args([
            "--endpoints=unixs://localhost:7",
            "--command-timeout=30s",
            "--cacert",
            &cert,
            "put",
            "a",
            "b",
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&put.stdout), "OK\n", "{}", String::from_utf8_lossy(&put.stderr));
}

#[test]
fn members_do_not_listen_there() {
    let lone = Lone::new();
    let ended = Server::start(&lone.scratch, lone.with(&["--listen-peer-urls=unix://localhost:1"])).wait();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let text = "cannot listen on unix://localhost:1: members reach each other by http and https URLs only";
    assert!(ended.stderr.contains(text), "{}", ended.stderr);
}
