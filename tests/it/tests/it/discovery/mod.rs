//! Members that find each other: through an etcd as discovery service, Go's or this one, v2 and v3, plain and with TLS;
//! and through DNS.

mod dns;
mod proxy;
mod secure;
mod secure_dns;
mod service;
mod v2;
mod v3;

use std::time::Duration;

use etcd_it::{DEADLINE, Ended, Scratch, Server};
use etcd_testkit::{MemberSpec, PeerMember, Probe, ReservedPort, Security, reserve_ports, wait_until};

/// How long a member may take to answer one question.
const PATIENCE: Duration = Duration::from_secs(20);

/// Members on reserved ports, in one directory.
pub(crate) struct Hosts {
    pub(crate) scratch: Scratch,
    pub(crate) specs: Vec<MemberSpec>,
    _ports: Vec<ReservedPort>,
}

impl Hosts {
    pub(crate) fn new(count: usize) -> Self {
        let scratch = Scratch::new();
        let ports = reserve_ports(2 * count).unwrap();
        let spec = |index: usize| MemberSpec {
            name: format!("infra{index}"),
            client_port: ports[2 * index].get(),
            peer_port: ports[2 * index + 1].get(),
            data_dir: scratch.join(&format!("infra{index}")),
            security: Security::Plain,
        };
        let specs = (0..count).map(spec).collect();
        Self { scratch, specs, _ports: ports }
    }

    /// The flags of one member, without those that say who the others are, then `more`.
    pub(crate) fn arguments(&self, index: usize, more: &[&str]) -> Vec<String> {
        let spec = &self.specs[index];
        [
            ("--name", spec.name.clone()),
            ("--data-dir", spec.data_dir.display().to_string()),
            ("--listen-client-urls", spec.client_url()),
            ("--advertise-client-urls", spec.client_url()),
            ("--listen-peer-urls", spec.peer_url()),
            ("--initial-advertise-peer-urls", spec.peer_url()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .chain(more.iter().map(|word| (*word).to_owned()))
        .collect()
    }

    pub(crate) fn start(&self, index: usize, more: &[&str]) -> Server {
        Server::start(&self.scratch, self.arguments(index, more))
    }

    /// Starts all of them with the same further flags, and waits until all serve.
    pub(crate) fn start_all(&self, more: &[&str]) -> Vec<Server> {
        let mut servers: Vec<Server> = (0..self.specs.len()).map(|index| self.start(index, more)).collect();
        for (index, server) in servers.iter_mut().enumerate() {
            self.wait_for_health(index, server);
        }
        servers
    }

    pub(crate) fn wait_for_health(&self, index: usize, server: &mut Server) {
        let healthy = wait_until("the member to be healthy", DEADLINE, || {
            if !server.is_running() {
                return Ok(false);
            }
            match Probe::patient(&self.specs[index], PATIENCE).health() {
                Ok(true) => Ok(true),
                other => Err(format!("{other:?}")),
            }
        });
        assert!(matches!(healthy, Ok(true)), "not healthy: {healthy:?}\n{}", server.output());
    }

    /// The members that one of them knows, by name, once all have told their names.
    pub(crate) fn members(&self, index: usize) -> Vec<PeerMember> {
        let probe = Probe::patient(&self.specs[index], PATIENCE);
        wait_until("all members to have names", DEADLINE, || {
            let mut members = probe.members().map_err(|error| error.to_string())?;
            members.sort_by(|a, b| a.name.cmp(&b.name));
            let named = members.iter().all(|member| !member.client_urls.is_empty());
            if named { Ok(members) } else { Err(format!("{members:?}")) }
        })
        .unwrap()
    }

    /// Checks that every member knows all of them, by the right names and URLs.
    pub(crate) fn assert_one_cluster(&self) {
        for index in 0..self.specs.len() {
            let members = self.members(index);
            assert_eq!(members, self.members(0));
            let known: Vec<_> = members.iter().map(|member| member.name.clone()).collect();
            let names: Vec<_> = self.specs.iter().map(|spec| spec.name.clone()).collect();
            assert_eq!(known, names);
        }
    }

    /// Runs one member that must not start, and checks its exit code, its first line for people, and what else it says.
    pub(crate) fn assert_refused(&self, index: usize, more: &[&str], line: &str, says: &[&str]) -> Ended {
        let ended = self.start(index, more).wait();
        assert_eq!(ended.code, Some(1), "{more:?}: {ended:?}");
        let first = ended.human_lines().first().copied().unwrap_or_default();
        assert!(first.starts_with(line), "{more:?}: {first:?} is not {line:?}:\n{}", ended.stderr);
        for text in says {
            assert!(ended.stderr.contains(text), "{more:?}: {text:?} is not in:\n{}", ended.stderr);
        }
        assert!(
            !self.specs[index].data_dir.join("member/wal").exists(),
            "there is no log after a failed start"
        );
        ended
    }
}
