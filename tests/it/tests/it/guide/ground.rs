//! Where the guide's hosts are.

use std::process::Command;

use etcd_testkit::{DnsServer, Zone};

use super::hosts::Addresses;
use super::machines::is_server;
use super::network::Network;

/// The hosts infra0 to infra3, myetcd and discovery.
pub(super) enum Ground {
    /// With the guide's own addresses and names.
    Namespaces(Network),
    /// As 127.0.1.x for 10.0.1.x, where namespaces cannot be made. There is no name service to rely on: names are
    /// replaced by addresses.
    Loopback { dns: DnsServer, _addresses: Addresses },
}

impl Ground {
    /// The guide's own, or else loopback.
    pub(super) fn best() -> Self {
        Network::new().map_or_else(Self::loopback, Self::Namespaces)
    }

    pub(super) fn loopback() -> Self {
        eprintln!("the guide's hosts 10.0.1.x are 127.0.1.x here");
        let zone = (10..13).fold(Zone::new("example.com"), |zone, host| {
            zone.service("etcd-server", &format!("127.0.1.{host}"), 2380)
        });
        Self::Loopback { dns: DnsServer::start(&zone).unwrap(), _addresses: Addresses::take() }
    }

    /// A shell script on a host.
    pub(super) fn shell(&self, host: &str, script: &str) -> Command {
        let mut script_here = self.here(host, script);
        if is_server(script) {
            // Only the process itself is ended later: it must not be the shell.
            script_here = format!("exec env {script_here}");
        }
        match self {
            Self::Namespaces(network) => network.shell(host, &script_here),
            Self::Loopback { .. } => {
                let mut command = Command::new("sh");
                command.args(["-ec", &script_here]);
                command
            }
        }
    }

    /// A script as it must be here, or what a server says when it runs there.
    pub(super) fn here(&self, host: &str, text: &str) -> String {
        let Self::Loopback { dns, .. } = self else { return text.to_owned() };
        let number = match host {
            "myetcd" => 5,
            "discovery" => 6,
            infra => 10 + infra.trim_start_matches("infra").parse::<u8>().unwrap_or_default(),
        };
        let own = format!("127.0.1.{number}");
        let mut text = text.to_owned();
        if !text.contains("openssl") {
            text = text.replace("127.0.0.1", &format!("127.0.2.{number}"));
        }
        for (name, address) in [
            ("infra0.example.com", "127.0.1.10"),
            ("infra1.example.com", "127.0.1.11"),
            ("infra2.example.com", "127.0.1.12"),
            ("https://myetcd.local/", "https://127.0.1.5:8443/"),
            ("https://discovery.etcd.io/", "https://127.0.1.6:8443/"),
            ("10.0.1.5:443", "127.0.1.5:8443"),
            ("10.0.1.6:443", "127.0.1.6:8443"),
            ("myetcd.local", "127.0.1.5"),
            ("discovery.example.com", "127.0.1.6"),
            ("0.0.0.0", &own),
            ("10.0.1.", "127.0.1."),
            // Ids of the guide's clusters: they come from the addresses.
            ("de83bfe8225735ab", "6cb75883a39b4325"),
            ("acccc8912db0cd57", "c8f9219ce82804b2"),
            ("etcdctl --discovery-srv example.com", "etcdctl --endpoints 127.0.1.10:2379"),
        ] {
            text = text.replace(name, address);
        }
        if text.starts_with("etcd ") && text.contains("--discovery-srv ") {
            text += &format!(" --discovery-srv-nameserver {}", dns.address());
        }
        if text.starts_with("etcd --name myetcd") {
            text += " --listen-peer-urls http://127.0.1.5:2380 --initial-advertise-peer-urls http://127.0.1.5:2380";
        }
        if text.starts_with("etcd-discovery-service ") {
            text += " --storage-client-url http://127.0.1.6:8089 --storage-peer-url http://127.0.1.6:8090";
        }
        text
    }
}
