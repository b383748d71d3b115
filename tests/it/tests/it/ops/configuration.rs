//! Where settings come from.

use std::fs::File;
use std::net::TcpListener;

use etcd_it::{DEADLINE, Scratch, Server, is_go_3_4};
use etcd_testkit::{Probe, wait_until};

use crate::lone::Lone;

#[test]
fn version_and_help() {
    let scratch = Scratch::new();
    let ended = Server::start(&scratch, ["--version"]).wait();
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.starts_with("etcd Version: 3."), "{}", ended.stdout);

    for flag in ["--help", "-h", "-help"] {
        let ended = Server::start(&scratch, [flag]).wait();
        assert_eq!(ended.code, Some(0), "{flag}: {ended:?}");
        let help = ended.stdout + &ended.stderr;
        for group in ["Member:", "Clustering:", "Security:", "Auth:", "Profiling and Monitoring:", "Logging:"]
        {
            assert!(help.contains(group), "{flag}: no {group}\n{help}");
        }
        for flag in [
            "--name",
            "--data-dir",
            "--wal-dir",
            "--snapshot-count",
            "--heartbeat-interval",
            "--election-timeout",
            "--listen-peer-urls",
            "--listen-client-urls",
            "--max-txn-ops",
            "--max-request-bytes",
            "--quota-backend-bytes",
            "--initial-advertise-peer-urls",
            "--initial-cluster",
            "--initial-cluster-state",
            "--initial-cluster-token",
            "--advertise-client-urls",
            "--discovery",
            "--discovery-srv",
            "--strict-reconfig-check",
            "--pre-vote",
            "--auto-compaction-retention",
            "--auto-compaction-mode",
            "--cert-file",
            "--key-file",
            "--client-cert-auth",
            "--trusted-ca-file",
            "--auto-tls",
            "--peer-cert-file",
            "--peer-auto-tls",
            "--auth-token",
            "--enable-pprof",
            "--log-outputs",
            "--log-level",
            "--config-file",
            "--force-new-cluster",
        ] {
            assert!(help.contains(flag), "{flag} is not in the help");
        }
    }
}

/// The ports 2379 and 2380 of localhost belong to one test at a time.
fn default_ports() -> File {
    let file = File::create(std::env::temp_dir().join("etcd-it-defaults.lock")).unwrap();
    file.lock().unwrap();
    wait_until("the default ports to be free", DEADLINE, || {
        for port in [2379, 2380] {
            TcpListener::bind(("127.0.0.1", port)).map_err(|error| format!("{port}: {error}"))?;
        }
        Ok(())
    })
    .unwrap();
    file
}

#[test]
fn without_flags_it_is_a_cluster_of_one() {
    let _ports = default_ports();
    for (flags, name, directory) in
        [(&[][..], "default", "default.etcd"), (&["--name", "infra9"][..], "infra9", "infra9.etcd")]
    {
        let scratch = Scratch::new();
        let mut server = Server::start(&scratch, flags.iter().copied());
        let probe = Probe::new("http://127.0.0.1:2379", "http://127.0.0.1:2380");
        let members = wait_until("the member to publish itself", DEADLINE, || {
            assert!(server.is_running(), "{}", server.output());
            let members = probe.members().map_err(|error| error.to_string())?;
            let known = members.first().is_some_and(|member| !member.client_urls.is_empty());
            if known && probe.health().is_ok_and(|health| health) {
                Ok(members)
            } else {
                Err(format!("{members:?}"))
            }
        });
        let members = members.unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!((members[0].id, &*members[0].name), (0x8e9e_05c5_2164_694d, name));
        assert_eq!(members[0].peer_urls, ["http://localhost:2380"]);
        assert_eq!(members[0].client_urls, ["http://localhost:2379"]);
        assert!(scratch.join(directory).join("member/wal").is_dir());
    }
}

#[test]
fn every_flag_is_a_variable() {
    let lone = Lone::new();
    let arguments = lone.arguments();
    let variables: Vec<_> = arguments
        .chunks(2)
        .map(|pair| (pair[0].replace("--", "ETCD_").replace('-', "_").to_uppercase(), pair[1].clone()))
        .collect();
    assert!(variables.iter().any(|(name, _)| name == "ETCD_INITIAL_CLUSTER"), "{variables:?}");
    let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut server = Server::start_with(&lone.scratch, [""; 0], &variables);
    lone.wait_for_health(&mut server);
    assert_eq!(lone.probe().members().unwrap()[0].peer_urls, [lone.spec.peer_url()]);
}

#[test]
fn a_file_silences_flags_and_variables() {
    let lone = Lone::new();
    let spec = &lone.spec;
    let text = format!(
        "name: infra0\ndata-dir: {}\nlisten-peer-urls: {p}\ninitial-advertise-peer-urls: {p}\n\
         listen-client-urls: {c}\nadvertise-client-urls: {c}\ninitial-cluster: infra0={p}\n\
         initial-cluster-token: etcd-it\ninitial-cluster-state: new\nsnapshot-count: 5000\n",
        spec.data_dir.display(),
        p = spec.peer_url(),
        c = spec.client_url(),
    );
    let path = lone.scratch.text("etcd.yml");
    std::fs::write(&path, text).unwrap();
    // As a flag, next to others; as a variable, next to others. None of the others counts.
    let elsewhere = lone.scratch.text("elsewhere");
    for (arguments, variables) in [
        (
            vec!["--config-file", &path, "--name", "other", "--data-dir", &elsewhere],
            vec![("ETCD_NAME", "third")],
        ),
        (vec![], vec![("ETCD_CONFIG_FILE", &*path), ("ETCD_NAME", "third"), ("ETCD_DATA_DIR", &elsewhere)]),
    ] {
        let mut server = Server::start_with(&lone.scratch, arguments, &variables);
        lone.wait_for_health(&mut server);
        let members = lone.probe().members().unwrap();
        assert_eq!((&*members[0].name, &members[0].peer_urls[0]), ("infra0", &spec.peer_url()));
        assert!(spec.data_dir.join("member").is_dir() && !lone.scratch.join("elsewhere").exists());
    }
    if !is_go_3_4() {
        let json = lone.scratch.text("etcd.json");
        let text = format!(
            r#"{{"name": "infra0", "data-dir": "{}", "election-timeout": "soon"}}"#,
            spec.data_dir.display()
        );
        std::fs::write(&json, text).unwrap();
        let ended = Server::start(&lone.scratch, ["--config-file", &json]).wait();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.human_lines().join("\n").contains("election-timeout"), "{}", ended.stderr);
    }
}
