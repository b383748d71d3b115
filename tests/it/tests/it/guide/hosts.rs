//! The guide's hosts and the commands that it shows for them.

use std::fs::File;
use std::net::TcpListener;

use etcd_it::{DEADLINE, Scratch, Server};
use etcd_testkit::{PeerMember, Probe, wait_until};

pub(super) const CLUSTER: &str =
    "infra0=http://127.0.1.10:2380,infra1=http://127.0.1.11:2380,infra2=http://127.0.1.12:2380";

/// The guide's addresses belong to one test at a time, whichever process it is in.
pub(crate) struct Addresses(#[expect(dead_code, reason = "held until dropped")] File);

impl Addresses {
    pub(crate) fn take() -> Self {
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
pub(super) fn flags(scratch: &Scratch, host: usize) -> Vec<String> {
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

pub(super) fn with(mut flags: Vec<String>, more: &[&str]) -> Vec<String> {
    flags.extend(more.iter().map(|word| (*word).to_owned()));
    flags
}

pub(super) fn start_guide_cluster(scratch: &Scratch) -> Vec<Server> {
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

pub(super) fn wait_for_health(host: usize) {
    wait_until(&format!("infra{host} to be healthy"), DEADLINE, || match probe(host).health() {
        Ok(true) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .unwrap();
}

/// The members that a host knows, by id, once all have published themselves.
pub(super) fn members(host: usize) -> Vec<PeerMember> {
    wait_until("all members to have names", DEADLINE, || {
        let mut members = probe(host).members().map_err(|error| error.to_string())?;
        members.sort_by_key(|member| member.id);
        let named = members.iter().all(|member| !member.name.is_empty() && !member.client_urls.is_empty());
        if named { Ok(members) } else { Err(format!("{members:?}")) }
    })
    .unwrap()
}
