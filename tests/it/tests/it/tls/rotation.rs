//! Certificates that change while everything runs.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use etcd_it::{DEADLINE, Scratch, cluster, foreign, start};
use etcd_testkit::{Authority, CertFiles, Certificates, Leaf, MemberSpec, Probe, Security};

use super::material::{Curl, Material, certificates, run, text, until};

/// Two kinds of clients that must never fail: one that connects anew for each request, and one that stays connected.
struct Load {
    stop: Arc<AtomicBool>,
    /// Of each of them.
    requests: Vec<Arc<AtomicU32>>,
    /// What they show.
    user: Arc<Mutex<CertFiles>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(specs: &[MemberSpec]) -> Self {
        let (stop, mut requests) = (Arc::new(AtomicBool::new(false)), Vec::new());
        let user = Arc::new(Mutex::new(certificates(&specs[0]).user.clone()));
        let mut threads = Vec::new();
        for spec in specs {
            let (stop, count, user) = (Arc::clone(&stop), Arc::new(AtomicU32::new(0)), Arc::clone(&user));
            requests.push(Arc::clone(&count));
            let spec = spec.clone();
            threads.push(std::thread::spawn(move || {
                let standing = Probe::patient(&spec, DEADLINE);
                standing.version().unwrap();
                let files = certificates(&spec);
                let url = format!("{}/health?serializable=true", spec.client_url());
                while !stop.load(Ordering::Relaxed) {
                    standing.version().unwrap_or_else(|error| panic!("a standing connection: {error}"));
                    let user = user.lock().unwrap().clone();
                    let curl = Curl::trusting(&files.client_ca).unwrap().showing(&user);
                    curl.get(&url, &[]).unwrap_or_else(|error| panic!("a new connection: {error}"));
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        Self { stop, requests, user, threads }
    }

    /// Waits until each client has asked a few times more, so that none is still at what it began before.
    fn go_on(&self) {
        let counts = || self.requests.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
        let before = counts();
        until("the clients to go on", || {
            let dead = self.threads.iter().any(JoinHandle::is_finished);
            let now = counts();
            let all = now.iter().zip(&before).all(|(now, before)| now - before >= 4);
            if all || dead { Ok(()) } else { Err(format!("{now:?} requests after {before:?}")) }
        });
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("no request fails");
        }
    }
}

/// The serial number of the certificate that is shown at `port`.
fn serial(openssl: &std::path::Path, port: u16, files: &Certificates, peer: bool) -> String {
    let own = if peer { &files.peer } else { &files.user };
    let (cert, key) = (text(&own.cert), text(&own.key));
    let address = format!("127.0.0.1:{port}");
    let shaken = run(openssl, &["s_client", "-connect", &address, "-cert", &cert, "-key", &key]);
    let file = files.user.cert.with_extension(format!("seen-{port}"));
    fs::write(&file, shaken.stdout).unwrap();
    let shown = run(openssl, &["x509", "-noout", "-serial", "-in", &text(&file)]);
    String::from_utf8_lossy(&shown.stdout).trim().to_owned()
}

#[test]
fn certificates_authorities_and_lists_under_load() {
    let (Some(openssl), Some(_)) = (foreign("openssl"), foreign("curl")) else { return };
    let scratch = Scratch::new();
    let material = Material::new(&scratch);
    let names = ["infra0", "infra1", "infra2"];
    let crl = material.path("crl.pem");
    material.clients.revoke(&crl, &[]).unwrap();
    let security = names.map(|name| Security::Files(material.member(name))).to_vec();
    let crl_flag = format!("--client-crl-file={}", text(&crl));
    let mut cluster = start(cluster(3).security(security).argument(crl_flag));
    let specs: Vec<MemberSpec> = cluster.members().iter().map(|member| member.spec().clone()).collect();
    let load = Load::start(&specs);

    // Certificates of both ports.
    reissue(&material, &material.clients, &material.peers, &names, 0x1001);
    wait_for_serial(&openssl, &specs, "1001");
    load.go_on();

    // Authorities: first both are trusted, then all certificates are new, then the old authority goes.
    let fresh = Material::in_directory(&material.path("fresh"));
    for name in ["ca-client.crt", "ca-peer.crt"] {
        let both =
            fs::read_to_string(material.path(name)).unwrap() + &fs::read_to_string(fresh.path(name)).unwrap();
        replace(&material, name, &both);
    }
    reissue(&material, &fresh.clients, &fresh.peers, &names, 0x1002);
    wait_for_serial(&openssl, &specs, "1002");
    load.go_on();
    let old = material.client("old", &Leaf::default());
    let user = Leaf { common_name: "root", ..Leaf::default() };
    *load.user.lock().unwrap() = fresh.clients.issue(&material.directory, "new-root", &user).unwrap();
    load.go_on();
    for name in ["ca-client.crt", "ca-peer.crt"] {
        replace(&material, name, &fs::read_to_string(fresh.path(name)).unwrap());
    }
    let url = format!("{}/health", specs[0].client_url());
    let outdated = Curl::trusting(&material.path("ca-client.crt")).unwrap().showing(&old);
    refused_in_time(&outdated, &url, "a client of the old authority");
    load.go_on();

    // A client that is revoked, and let in again.
    let leaf = Leaf { serial: Some(0x2002), ..Leaf::default() };
    let other = fresh.clients.issue(&material.directory, "other", &leaf).unwrap();
    let other = Curl::trusting(&material.path("ca-client.crt")).unwrap().showing(&other);
    other.get(&url, &[]).unwrap();
    fresh.clients.revoke(&crl, &[0x2002]).unwrap();
    refused_in_time(&other, &url, "a revoked client");
    load.go_on();
    fresh.clients.revoke(&crl, &[]).unwrap();
    until("the client to be let in again", || other.get(&url, &[]).map(drop));

    // A broken file changes nothing.
    replace(&material, "infra0-client.crt", "-----BEGIN CERTIFICATE-----\nrubbish\n");
    let log = cluster.member(0).log().to_owned();
    until("the broken file to be logged", || {
        let said = fs::read_to_string(&log).unwrap_or_default();
        if said.contains("the old ones stay in use") { Ok(()) } else { Err("nothing is said".to_owned()) }
    });
    load.go_on();
    load.stop();
    // The members have kept their connections, and can make new ones: one that starts finds the others.
    cluster.kill(1).unwrap();
    cluster.start(1).unwrap();
    let user = with_new_user(&specs[1], &material);
    until("the restarted member to be healthy", || match Probe::patient(&user, DEADLINE).health() {
        Ok(true) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// A member's specification, with the user of the new authority.
fn with_new_user(spec: &MemberSpec, material: &Material) -> MemberSpec {
    let files = certificates(spec).clone();
    let (cert, key) = (material.path("new-root.crt"), material.path("new-root.key"));
    MemberSpec {
        security: Security::Files(Certificates { user: CertFiles { cert, key }, ..files }),
        ..spec.clone()
    }
}

fn reissue(material: &Material, clients: &Authority, peers: &Authority, names: &[&str], serial: u64) {
    let hosts = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    for name in names {
        let leaf = Leaf { common_name: name, hosts: &hosts, serial: Some(serial), ..Leaf::default() };
        clients.issue(&material.directory, &format!("{name}-client"), &leaf).unwrap();
        peers.issue(&material.directory, &format!("{name}-peer"), &leaf).unwrap();
    }
}

fn wait_for_serial(openssl: &std::path::Path, specs: &[MemberSpec], want: &str) {
    for spec in specs {
        for (port, peer) in [(spec.client_port, false), (spec.peer_port, true)] {
            until("the new certificate to be shown", || {
                let serial = serial(openssl, port, certificates(spec), peer);
                if serial == format!("serial={want}") { Ok(()) } else { Err(format!("{port}: {serial}")) }
            });
        }
    }
}

fn refused_in_time(curl: &Curl, url: &str, who: &str) {
    until(&format!("{who} to be refused"), || match curl.get(url, &[]) {
        Err(_) => Ok(()),
        Ok(answer) => Err(answer),
    });
}

/// In one step, so that no reader sees half of it.
fn replace(material: &Material, name: &str, text: &str) {
    let beside = material.path("beside");
    fs::write(&beside, text).unwrap();
    fs::rename(&beside, material.path(name)).unwrap();
}
