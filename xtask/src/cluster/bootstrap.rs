//! How the members of a new cluster find each other.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use etcd_testkit::{DiscoveryService, DnsServer, MemberSpec, Security, TokenService, Zone};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::cargo;

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
    tokens: Option<TokenService>,
    service: Option<DiscoveryService>,
    dns: Option<DnsServer>,
    /// Data and log of the service; goes after it.
    place: TempDir,
    /// Flags for every member; none for the static way.
    pub(super) flags: Vec<String>,
}

/// The programs that may be needed.
pub(super) struct Programs<'a> {
    /// The server of the members.
    pub(super) server: &'a Path,
    /// An etcd to be the service instead.
    pub(super) discovery: Option<&'a Path>,
}

impl Helper {
    /// Starts what `bootstrap` needs; `token` is new.
    pub(super) fn start(
        bootstrap: Bootstrap,
        programs: &Programs<'_>,
        place: TempDir,
        members: &[MemberSpec],
        token: &str,
    ) -> anyhow::Result<Self> {
        let size = members.len().to_string();
        let mut helper = Self { tokens: None, service: None, dns: None, place, flags: Vec::new() };
        match (bootstrap, programs.discovery) {
            (Bootstrap::Static, _) => {}
            (Bootstrap::Discovery, Some(etcd)) => {
                let service = helper.etcd(etcd, true)?;
                helper.flags = vec![format!("--discovery={}", service.size_v2(token, &size)?)];
                helper.service = Some(service);
            }
            (Bootstrap::Discovery, None) => {
                let service = TokenService::start(&discovery_service()?, helper.place.path())?;
                let url = service.token(&size)?;
                println!("members register with a discovery service: {url}");
                helper.flags = vec![format!("--discovery={url}")];
                helper.tokens = Some(service);
            }
            (Bootstrap::DiscoveryV3, etcd) => {
                let service = helper.etcd(etcd.unwrap_or(programs.server), false)?;
                service.size_v3(token, &size)?;
                let endpoint = service.url().trim_start_matches("http://");
                println!("members register with an etcd: {endpoint}, /_etcd/registry/{token}/");
                helper.flags =
                    vec![format!("--discovery-token={token}"), format!("--discovery-endpoints={endpoint}")];
                helper.service = Some(service);
            }
            (Bootstrap::Dns, _) => {
                let service = if members.iter().any(is_secure) { "etcd-server-ssl" } else { "etcd-server" };
                let zone = members.iter().fold(Zone::new(ZONE), |zone, member| {
                    zone.service(service, "localhost", member.peer_port)
                });
                let server = DnsServer::start(&zone)?;
                let address = server.address();
                println!("members look up _{service}._tcp.{ZONE} at the name server {address}");
                helper.flags = vec![
                    format!("--discovery-srv={ZONE}"),
                    format!("--discovery-srv-nameserver={address}"),
                    format!("--initial-cluster-token={token}"),
                ];
                helper.dns = Some(server);
            }
        }
        Ok(helper)
    }

    /// An etcd that serves `v2` or v3 discovery.
    fn etcd(&self, binary: &Path, v2: bool) -> anyhow::Result<DiscoveryService> {
        DiscoveryService::start(binary, self.place.path(), v2).context(
            "a discovery service is an etcd with the v2 keys API (v3: with the JSON gateway); name another one with \
             --discovery-service",
        )
    }
}

/// Our own service: what `ETCD_DISCOVERY_SERVICE_BIN` names, or a fresh build.
fn discovery_service() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("ETCD_DISCOVERY_SERVICE_BIN") {
        return Ok(path.into());
    }
    eprintln!("building the discovery service");
    cargo::build_binary("etcd-discovery-service", "etcd-discovery-service", "cluster")
}

fn is_secure(member: &MemberSpec) -> bool {
    member.security != Security::Plain
}

impl Bootstrap {
    /// What a member advertises, where that is not its address: the targets of the records have this name.
    pub(super) fn advertised(self, member: &MemberSpec) -> Option<String> {
        let url = member.peer_url().replace("127.0.0.1", "localhost");
        (self == Self::Dns).then(|| format!("--initial-advertise-peer-urls={url}"))
    }
}
