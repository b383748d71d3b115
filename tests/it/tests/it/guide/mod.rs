//! The static section of the Clustering Guide, as people type it.
//!
//! The guide's three hosts 10.0.1.10, .11 and .12 are 127.0.1.10, .11 and .12 here, and the 127.0.0.1 of each host is
//! 127.0.2.10, .11 and .12. Names, flags, ports, token and order are the guide's.

mod commands;
mod document;
mod errors;
mod ground;
pub(crate) mod hosts;
mod machines;
mod network;
mod original;

use etcd_it::{Ctl, Scratch, Server};
use etcd_testkit::Signal;

use hosts::{Addresses, CLUSTER, flags, members, start_guide_cluster, wait_for_health, with};

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
