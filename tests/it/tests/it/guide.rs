//! The static section of the Clustering Guide, as people type it.
//!
//! The guide's three hosts 10.0.1.10, .11 and .12 are 127.0.1.10, .11 and .12 here, and the 127.0.0.1 of each host is
//! 127.0.2.10, .11 and .12. Names, flags, ports, token and order are the guide's.

use std::fs::File;
use std::net::TcpListener;

use etcd_it::{Ctl, DEADLINE, Ended, Scratch, Server, is_go_3_4};
use etcd_testkit::{PeerMember, Probe, Signal, wait_until};

const CLUSTER: &str =
    "infra0=http://127.0.1.10:2380,infra1=http://127.0.1.11:2380,infra2=http://127.0.1.12:2380";

/// The guide's addresses belong to one test at a time, whichever process it is in.
struct Addresses(#[expect(dead_code, reason = "held until dropped")] File);

impl Addresses {
    fn take() -> Self {
        let file = File::create(std::env::temp_dir().join("etcd-it-guide.lock")).unwrap();
        file.lock().unwrap();
        wait_until("the guide's addresses to be free", DEADLINE, || {
            for host in 10..14 {
                for port in [2379, 2380] {
                    let address = format!("127.0.1.{host}:{port}");
                    TcpListener::bind(&address).map_err(|error| format!("{address}: {error}"))?;
                }
            }
            Ok(())
        })
        .unwrap();
        Self(file)
    }
}

/// The guide's command for one host, up to the flags that begin with `initial-cluster`.
fn flags(scratch: &Scratch, host: usize) -> Vec<String> {
    let name = format!("infra{host}");
    let ip = format!("127.0.1.{}", 10 + host);
    let own = format!("127.0.2.{}", 10 + host);
    [
        ("--data-dir", scratch.text(&name)),
        ("--name", name),
        ("--initial-advertise-peer-urls", format!("http://{ip}:2380")),
        ("--listen-peer-urls", format!("http://{ip}:2380")),
        ("--listen-client-urls", format!("http://{ip}:2379,http://{own}:2379")),
        ("--advertise-client-urls", format!("http://{ip}:2379")),
    ]
    .into_iter()
    .flat_map(|(flag, value)| [flag.to_owned(), value])
    .collect()
}

fn with(mut flags: Vec<String>, more: &[&str]) -> Vec<String> {
    flags.extend(more.iter().map(|word| (*word).to_owned()));
    flags
}

fn start_guide_cluster(scratch: &Scratch) -> Vec<Server> {
    let initial = [
        "--initial-cluster-token",
        "etcd-cluster-1",
        "--initial-cluster",
        CLUSTER,
        "--initial-cluster-state",
        "new",
    ];
    let servers: Vec<_> =
        (0..3).map(|host| Server::start(scratch, with(flags(scratch, host), &initial))).collect();
    for host in 0..3 {
        wait_for_health(host);
    }
    servers
}

fn probe(host: usize) -> Probe {
    Probe::new(&format!("http://127.0.1.{}:2379", 10 + host), &format!("http://127.0.1.{}:2380", 10 + host))
}

fn wait_for_health(host: usize) {
    wait_until(&format!("infra{host} to be healthy"), DEADLINE, || match probe(host).health() {
        Ok(true) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .unwrap();
}

/// The members that a host knows, by id, once all have published themselves.
fn members(host: usize) -> Vec<PeerMember> {
    wait_until("all members to have names", DEADLINE, || {
        let mut members = probe(host).members().map_err(|error| error.to_string())?;
        members.sort_by_key(|member| member.id);
        let named = members.iter().all(|member| !member.name.is_empty() && !member.client_urls.is_empty());
        if named { Ok(members) } else { Err(format!("{members:?}")) }
    })
    .unwrap()
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

#[test]
fn three_hosts() {
    let _addresses = Addresses::take();
    let scratch = Scratch::new();
    let servers = start_guide_cluster(&scratch);

    // Ids as etcd derives them from the peer URLs and the token.
    let expected = [
        (0x0202_9998_aabe_7a1e, "infra0", "127.0.1.10"),
        (0x3a55_7c8e_f1cd_433d, "infra2", "127.0.1.12"),
        (0xe649_a9c8_1f66_8aa5, "infra1", "127.0.1.11"),
    ];
    for host in 0..3 {
        let known = members(host);
        assert_eq!(known.len(), 3);
        for (member, (id, name, ip)) in known.iter().zip(expected) {
            assert_eq!((member.id, &*member.name), (id, name));
            assert_eq!(member.peer_urls, [format!("http://{ip}:2380")]);
            assert_eq!(member.client_urls, [format!("http://{ip}:2379")]);
        }
    }
    if let Some(ctl) =
        Ctl::new(&["http://127.0.1.10:2379", "http://127.0.1.11:2379", "http://127.0.1.12:2379"])
    {
        let list = "2029998aabe7a1e, started, infra0, http://127.0.1.10:2380, http://127.0.1.10:2379, false\n\
                    3a557c8ef1cd433d, started, infra2, http://127.0.1.12:2380, http://127.0.1.12:2379, false\n\
                    e649a9c81f668aa5, started, infra1, http://127.0.1.11:2380, http://127.0.1.11:2379, false\n";
        assert_eq!(ctl.ok(&["member", "list"]), list);
        let list = ctl.json(&["member", "list"]);
        assert_eq!(list["header"]["cluster_id"], 0xc8f9_219c_e828_04b2_u64, "{list}");
        assert_eq!(ctl.ok(&["put", "foo", "bar"]), "OK\n");
        for own in ["http://127.0.2.10:2379", "http://127.0.2.11:2379", "http://127.0.2.12:2379"] {
            let ctl = Ctl::new(&[own]).expect("it was there a moment ago");
            assert_eq!(ctl.ok(&["get", "foo"]), "foo\nbar\n", "each host listens on its own 127.0.0.1 too");
        }
    }
    drop(servers);
}

#[test]
fn initial_flags_are_ignored_after_the_first_start() {
    let _addresses = Addresses::take();
    let scratch = Scratch::new();
    let mut servers = start_guide_cluster(&scratch);
    let before = members(0);
    for (host, more) in [
        (0, &[][..]),
        (
            1,
            &["--initial-cluster-token", "another", "--initial-cluster", "nobody=http://127.0.1.99:2380"][..],
        ),
        (2, &["--initial-cluster", CLUSTER, "--initial-cluster-state", "existing"][..]),
    ] {
        let server = servers.remove(0);
        server.signal(Signal::TERM);
        let ended = server.wait();
        assert_ne!(ended.signal, Some(9), "{ended:?}");
        let restarted = Server::start(&scratch, with(flags(&scratch, host), more));
        servers.push(restarted);
        wait_for_health(host);
        assert_eq!(members(host), before, "infra{host} with {more:?}");
    }
}

#[test]
fn error_case_a_name_that_is_not_listed() {
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
fn error_case_other_advertised_urls() {
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
fn error_case_another_cluster_id() {
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
