//! How the members of a new cluster find each other.

use std::path::Path;

use anyhow::Context as _;
use clap::ValueEnum;
use etcd_testkit::{DiscoveryService, DnsServer, MemberSpec, Zone};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// The zone that exists while the members start.
const ZONE: &str = "cluster.example.com";

/// The mechanism.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(super) enum Bootstrap {
    /// Every member is told all addresses
    #[default]
    Static,
    /// Through a discovery service, with a URL (v2)
    Discovery,
    /// Through a discovery service, over gRPC (v3)
    DiscoveryV3,
    /// Through SRV records
    Dns,
}

/// What members need until they have found each other: it ends when this is dropped. Afterwards they have logs, and look
/// for nobody.
#[derive(Debug)]
pub(super) struct Helper {
    _service: Option<DiscoveryService>,
    _dns: Option<DnsServer>,
    /// Data and log of the service; goes after it.
    _place: TempDir,
    /// Flags for every member; none for the static way.
    pub(super) flags: Vec<String>,
}

impl Helper {
    /// Starts what `bootstrap` needs; `binary` serves, and `token` is new.
    pub(super) fn start(
        bootstrap: Bootstrap,
        binary: &Path,
        place: TempDir,
        members: &[MemberSpec],
        token: &str,
    ) -> anyhow::Result<Self> {
        let size = members.len().to_string();
        let service = |v2| {
            println!("starting a discovery service ({})", binary.display());
            DiscoveryService::start(binary, place.path(), v2).context(
                "a discovery service is an etcd with the v2 keys API (v3: with the JSON gateway); name another one \
                 with --discovery-service",
            )
        };
        let (mut running, mut dns, mut flags) = (None, None, Vec::new());
        match bootstrap {
            Bootstrap::Static => {}
            Bootstrap::Discovery => {
                let service = service(true)?;
                flags = vec![format!("--discovery={}", service.size_v2(token, &size)?)];
                running = Some(service);
            }
            Bootstrap::DiscoveryV3 => {
                let service = service(false)?;
                service.size_v3(token, &size)?;
                let endpoint = service.url().trim_start_matches("http://");
                flags =
                    vec![format!("--discovery-token={token}"), format!("--discovery-endpoints={endpoint}")];
                running = Some(service);
            }
            Bootstrap::Dns => {
                let zone = members.iter().fold(Zone::new(ZONE), |zone, member| {
                    zone.service("etcd-server", "localhost", member.peer_port)
                });
                let server = DnsServer::start(&zone)?;
                println!("serving the zone {ZONE} on {}", server.address());
                flags = vec![
                    format!("--discovery-srv={ZONE}"),
                    format!("--discovery-srv-nameserver={}", server.address()),
                    format!("--initial-cluster-token={token}"),
                ];
                dns = Some(server);
            }
        }
        Ok(Self { _service: running, _dns: dns, _place: place, flags })
    }
}

impl Bootstrap {
    /// What a member advertises, where that is not its address: the targets of the records have this name.
    pub(super) fn advertised(self, member: &MemberSpec) -> Option<String> {
        let url = format!("--initial-advertise-peer-urls=http://localhost:{}", member.peer_port);
        (self == Self::Dns).then_some(url)
    }
}
