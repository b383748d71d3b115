//! The guide's three error cases.

use etcd_it::{Ended, Scratch, Server, is_go_3_4};

use super::hosts::{Addresses, CLUSTER, flags, members, start_guide_cluster, wait_for_health, with};

#[test]
fn a_name_that_is_not_listed() {
    let _addresses = Addresses::take();
    let scratch = Scratch::new();
    let mut arguments = flags(&scratch, 1);
    // The guide has https here, without certificates. What is wrong with the cluster is said first nevertheless; not
    // so in etcd itself, which gets to the cluster only with http.
    let listen = arguments.iter().position(|word| word == "--listen-peer-urls").unwrap() + 1;
    if !is_go_3_4() {
        arguments[listen] = "https://127.0.1.11:2380".to_owned();
    }
    let more = ["--initial-cluster", "infra0=http://127.0.1.10:2380", "--initial-cluster-state", "new"];
    let ended = Server::start(&scratch, with(arguments, &more)).wait();
    assert_guide_line(
        &ended,
        "etcd: infra1 not listed in the initial cluster config",
        r#"couldn't find local name "infra1" in the initial cluster configuration"#,
    );
}

#[test]
fn other_advertised_urls() {
    let _addresses = Addresses::take();
    let scratch = Scratch::new();
    let mut arguments = flags(&scratch, 0);
    let advertised = arguments.iter().position(|word| word == "--initial-advertise-peer-urls").unwrap() + 1;
    arguments[advertised] = "http://127.0.0.1:2380".to_owned();
    let more = ["--initial-cluster", CLUSTER, "--initial-cluster-state=new"];
    let ended = Server::start(&scratch, with(arguments, &more)).wait();
    assert_guide_line(
        &ended,
        "etcd: error setting up initial cluster: infra0 has different advertised URLs in the cluster and advertised \
         peer URLs list",
        "--initial-cluster has infra0=http://127.0.1.10:2380 but missing from \
         --initial-advertise-peer-urls=http://127.0.0.1:2380 \
         (resolved urls: \"http://127.0.0.1:2380\" != \"http://127.0.1.10:2380\")",
    );
}

/// The live cluster has the guide's token here, the stranger the default one, as in the guide's text.
#[test]
fn another_cluster_id() {
    let _addresses = Addresses::take();
    let scratch = Scratch::new();
    let mut servers = start_guide_cluster(&scratch);
    let initial = "infra0=http://127.0.1.10:2380,infra1=http://127.0.1.11:2380,infra3=http://127.0.1.13:2380";
    let more = ["--initial-cluster", initial, "--initial-cluster-state=new"];
    let mut stranger = Server::start(&scratch, with(flags(&scratch, 3), &more));
    if is_go_3_4() {
        eprintln!("NOT TESTED: the guide's line: 3.4 runs on, and logs");
        stranger.wait_for_output("cluster ID mismatch");
        assert!(stranger.is_running());
    } else {
        let ended = stranger.wait();
        let line = "etcd: conflicting cluster ID to the target cluster (6cb75883a39b4325 != c8f9219ce82804b2). Exiting.";
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.human_lines().first(), Some(&line), "{}", ended.stderr);
    }
    for (host, server) in servers.iter_mut().enumerate() {
        assert!(server.is_running());
        assert_eq!(members(host).len(), 3, "the stranger is not let in");
        wait_for_health(host);
    }
}

/// What the guide shows comes first, then etcd's own words, somewhere.
fn assert_guide_line(ended: &Ended, line: &str, etcd: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(etcd), "{etcd:?} is not in:\n{}", ended.stderr);
    if is_go_3_4() {
        eprintln!("NOT TESTED: the guide's line: 3.4 has no such line");
        return;
    }
    assert_eq!(ended.human_lines().first(), Some(&line), "{}", ended.stderr);
}
