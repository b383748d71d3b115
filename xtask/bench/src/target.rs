//! The cluster that bears the load: one that we start, or one that runs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use etcd_testkit::{Cluster, Probe, Security, Usage, listener_on};

use crate::options::{Run, Spread};

/// A cluster under load.
#[derive(Debug)]
pub(crate) struct Target {
    /// How it is called in tables.
    pub(crate) label: String,
    /// What it runs, if we know.
    pub(crate) binary: Option<PathBuf>,
    /// What its members call their version.
    pub(crate) version: String,
    probes: Vec<Probe>,
    /// host:port of each member.
    addresses: Vec<String>,
    /// Whether they speak TLS.
    pub(crate) is_tls: bool,
    /// Its processes, as far as they run on this machine.
    pids: Vec<u32>,
    cluster: Option<Cluster>,
}

impl Target {
    /// Starts a fresh cluster that runs `binary`.
    pub(crate) fn start(binary: &Path, run: &Run, security: Security) -> anyhow::Result<Self> {
        let mut builder = Cluster::builder(binary).members(usize::try_from(run.members)?);
        builder = builder.security(vec![security.clone()]);
        for argument in &run.server_argument {
            builder = builder.argument(argument);
        }
        if let Some(directory) = &run.directory {
            builder = builder.parent_directory(directory);
        }
        let cluster = builder.start().with_context(|| format!("cannot start {}", binary.display()))?;
        let mut target = Self::of(cluster.client_urls(), &security)?;
        target.pids = cluster.members().iter().filter_map(etcd_testkit::Member::pid).collect();
        target.label = label(binary);
        target.binary = Some(binary.to_owned());
        target.cluster = Some(cluster);
        Ok(target)
    }

    /// A cluster that runs already; its processes are known if they run on this machine.
    pub(crate) fn running(endpoints: &[String]) -> anyhow::Result<Self> {
        let mut target = Self::of(endpoints.iter().map(|endpoint| url(endpoint)).collect(), &Security::Auto)?;
        target.pids = target.addresses.iter().filter_map(|address| local_pid(address)).collect();
        if target.pids.len() < target.addresses.len() {
            eprintln!(
                "not every member runs on this machine (or is ours to see): CPU and memory stay unknown"
            );
            target.pids.clear();
        }
        Ok(target)
    }

    /// Whom https URLs lead to is not verified.
    fn of(urls: Vec<String>, security: &Security) -> anyhow::Result<Self> {
        let probes: Vec<_> = urls.iter().map(|url| Probe::with_security(url, "", security)).collect();
        let Some(first) = probes.first() else { bail!("no endpoints") };
        let version = first.version()?.server;
        let addresses = urls.iter().map(|url| host_and_port(url).to_owned()).collect();
        let is_tls = urls.iter().any(|url| url.starts_with("https://"));
        let label = urls.join(",");
        Ok(Self { label, binary: None, version, probes, addresses, is_tls, pids: Vec::new(), cluster: None })
    }

    /// Addresses for `count` connections.
    pub(crate) fn spread(&self, count: u64, spread: Spread) -> anyhow::Result<Vec<String>> {
        let count = usize::try_from(count)?;
        let chosen: Vec<&String> = match spread {
            Spread::All => self.addresses.iter().collect(),
            Spread::Leader => vec![&self.addresses[self.leader()?]],
        };
        Ok(chosen.into_iter().cycle().take(count).cloned().collect())
    }

    /// CPU and memory of each member; empty when they are unknown.
    pub(crate) fn usage(&self) -> anyhow::Result<Vec<Usage>> {
        let read =
            |pid: &u32| Usage::read(*pid).with_context(|| format!("the member with process id {pid} ended"));
        self.pids.iter().map(read).collect()
    }

    fn leader(&self) -> anyhow::Result<usize> {
        for (index, probe) in self.probes.iter().enumerate() {
            if probe.metrics()?.is_leader() {
                return Ok(index);
            }
        }
        bail!("no member of {} leads", self.label)
    }
}

/// The last two names of a path say enough: `bin/etcd`, `release/etcd`.
fn label(binary: &Path) -> String {
    let names: Vec<_> = binary.iter().collect();
    let last: PathBuf = names[names.len().saturating_sub(2)..].iter().collect();
    last.display().to_string()
}

fn url(endpoint: &str) -> String {
    if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") }
}

fn host_and_port(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/')
}

fn local_pid(address: &str) -> Option<u32> {
    let (host, port) = address.rsplit_once(':')?;
    let is_here = ["127.0.0.1", "localhost", "[::1]"].contains(&host);
    is_here.then(|| listener_on(port.parse().ok()?)?.ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_may_be_urls_or_addresses() {
        for endpoint in ["127.0.0.1:2379", "http://127.0.0.1:2379", "http://127.0.0.1:2379/"] {
            assert_eq!(host_and_port(&url(endpoint)), "127.0.0.1:2379");
        }
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(label(Path::new("/usr/bin/etcd")), "bin/etcd");
        assert_eq!(label(Path::new("etcd")), "etcd");
    }

    #[test]
    fn processes_elsewhere_are_unknown() {
        assert_eq!(local_pid("10.0.0.1:2379"), None);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(local_pid(&address), Some(std::process::id()));
    }
}
