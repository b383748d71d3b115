//! The guide's hosts as network namespaces, with their own addresses and names.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use etcd_testkit::{DnsServer, Zone};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Host, address.
const HOSTS: [(&str, &str); 6] = [
    ("infra0", "10.0.1.10"),
    ("infra1", "10.0.1.11"),
    ("infra2", "10.0.1.12"),
    ("infra3", "10.0.1.13"),
    ("myetcd", "10.0.1.5"),
    ("discovery", "10.0.1.6"),
];

/// Names that are not in the zone.
const NAMES: &str =
    "127.0.0.1 localhost\n10.0.1.5 myetcd.local\n10.0.1.6 discovery.example.com discovery.etcd.io\n";

const NAME_SERVER: &str = "10.0.1.53";

/// Six hosts and a name server on one bridge. Gone when dropped.
pub(super) struct Network {
    prefix: String,
    dns: Option<DnsServer>,
}

impl Network {
    /// `None` where namespaces cannot be made: that takes root, and `ip`.
    ///
    /// # Panics
    /// When the first one can be made, and then something fails.
    pub(super) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let network = Self { prefix: format!("etcdit{}x{number}", std::process::id()), dns: None };
        ip(&format!("netns add {}", network.namespace("hub"))).then(|| network.build())
    }

    fn build(mut self) -> Self {
        let hub = self.namespace("hub");
        for command in [
            format!("-n {hub} link add br0 type bridge"),
            format!("-n {hub} link set br0 up"),
            format!("-n {hub} addr add {NAME_SERVER}/24 dev br0"),
        ] {
            assert!(ip(&command), "ip {command}");
        }
        for (host, address) in HOSTS {
            let name = self.namespace(host);
            for command in [
                format!("netns add {name}"),
                format!("-n {hub} link add {host} type veth peer name eth0 netns {name}"),
                format!("-n {hub} link set {host} master br0 up"),
                format!("-n {name} addr add {address}/24 dev eth0"),
                format!("-n {name} link set eth0 up"),
                format!("-n {name} link set lo up"),
            ] {
                assert!(ip(&command), "ip {command}");
            }
            let files = self.files(host);
            std::fs::create_dir_all(&files).unwrap();
            std::fs::write(files.join("resolv.conf"), format!("nameserver {NAME_SERVER}\n")).unwrap();
            std::fs::write(files.join("hosts"), NAMES).unwrap();
        }
        self.dns = Some(serve(&zone(), &hub));
        self
    }

    /// A shell script on a host.
    pub(super) fn shell(&self, host: &str, script: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(host), "sh", "-ec", script]);
        command
    }

    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.prefix)
    }

    /// What `ip netns exec` puts over files of `/etc`.
    fn files(&self, host: &str) -> PathBuf {
        PathBuf::from("/etc/netns").join(self.namespace(host))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.dns = None;
        for (host, _) in HOSTS {
            // One that was not made cannot be removed.
            let _removed = ip(&format!("netns del {}", self.namespace(host)));
            let _removed = std::fs::remove_dir_all(self.files(host));
        }
        let _removed = ip(&format!("netns del {}", self.namespace("hub")));
    }
}

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

/// The zone that the guide shows.
fn zone() -> Zone {
    HOSTS[..3].iter().fold(Zone::new("example.com"), |zone, (host, address)| {
        let name = format!("{host}.example.com");
        zone.address(&name, address.parse().unwrap()).service("etcd-server", &name, 2380).service(
            "etcd-client",
            &name,
            2379,
        )
    })
}

/// Serves on port 53 of a namespace: sockets stay where they were made.
fn serve(zone: &Zone, namespace: &str) -> DnsServer {
    let place = std::fs::File::open(format!("/var/run/netns/{namespace}")).unwrap();
    let sockets = std::thread::spawn(move || -> io::Result<(UdpSocket, TcpListener)> {
        use std::os::fd::AsFd as _;
        move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok((UdpSocket::bind((NAME_SERVER, 53))?, TcpListener::bind((NAME_SERVER, 53))?))
    });
    let (udp, tcp) = sockets.join().unwrap().unwrap();
    DnsServer::start_on(zone, udp, tcp).unwrap()
}
