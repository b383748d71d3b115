//! Members that find each other through a discovery URL: of the server under test, or of somebody else's.

use std::path::{Path, PathBuf};

use etcd_testkit::{Launch, MemberSpec, Probe, Process, ReservedPort, Security, reserve_ports, wait_until};

use crate::{DEADLINE, Scratch, foreign};

/// Debian's etcd, if it is there: see [`foreign`].
#[must_use]
pub fn debian_etcd() -> Option<PathBuf> {
    foreign("etcd")
}

/// Members of one server. Killed when dropped.
#[derive(Debug)]
pub struct DiscoveredMembers {
    /// Who they are.
    pub specs: Vec<MemberSpec>,
    processes: Vec<Process>,
    scratch: Scratch,
    _ports: Vec<ReservedPort>,
}

impl DiscoveredMembers {
    /// Starts `count` members of `binary` with `--discovery url`, all at once.
    ///
    /// # Panics
    /// When one cannot be started.
    #[must_use]
    pub fn start(binary: &Path, url: &str, count: usize) -> Self {
        Self::start_with(binary, url, count, &[])
    }

    /// The same, with further flags such as `--discovery-cacert=ca.crt`.
    ///
    /// # Panics
    /// When one cannot be started.
    #[must_use]
    pub fn start_with(binary: &Path, url: &str, count: usize, more: &[&str]) -> Self {
        let ports = reserve_ports(2 * count).expect("ports");
        let scratch = Scratch::new();
        let specs: Vec<MemberSpec> = (0..count)
            .map(|number| MemberSpec {
                name: format!("infra{number}"),
                client_port: ports[2 * number].get(),
                peer_port: ports[2 * number + 1].get(),
                data_dir: scratch.join(&format!("infra{number}")),
                security: Security::Plain,
            })
            .collect();
        let start = |spec: &MemberSpec| {
            let mut arguments = spec.arguments(std::slice::from_ref(spec), "unused");
            // Discovery takes the place of the initial cluster.
            let initial = arguments.iter().position(|word| word == "--initial-cluster").expect("the flag");
            arguments.drain(initial..);
            let discovery = ["--discovery", url, "--discovery-fallback", "exit"];
            arguments.extend(discovery.iter().chain(more).map(Into::into));
            let log = scratch.join(&format!("{}.log", spec.name));
            let launch = Launch { binary: binary.to_owned(), arguments, log };
            Process::start(&launch).expect("the server can be started")
        };
        let processes = specs.iter().map(start).collect();
        Self { specs, processes, scratch, _ports: ports }
    }

    /// Waits until every member is healthy, and knows all of them.
    ///
    /// # Panics
    /// When they are not in time; with their logs.
    pub fn wait_for_cluster(&self) {
        for spec in &self.specs {
            let probe = Probe::of(spec);
            let formed = wait_until("the members to form a cluster", DEADLINE, || {
                let members = probe.members().map_err(|error| error.to_string())?;
                let healthy = probe.health().map_err(|error| error.to_string())?;
                let named = members.iter().filter(|member| !member.name.is_empty()).count();
                let all = self.specs.len();
                if healthy && (named, members.len()) == (all, all) {
                    Ok(())
                } else {
                    Err(format!("{members:?}"))
                }
            });
            formed.unwrap_or_else(|error| panic!("{error}\n{}", self.logs()));
        }
    }

    /// Waits until the first member has ended, and gives its exit code.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn wait_for_exit(&mut self) -> Option<i32> {
        let status = self.processes[0].collect(DEADLINE);
        status.unwrap_or_else(|error| panic!("{error}\n{}", self.logs())).code()
    }

    /// What all of them have said.
    #[must_use]
    pub fn logs(&self) -> String {
        let read = |spec: &MemberSpec| {
            let log = std::fs::read(self.scratch.join(&format!("{}.log", spec.name))).unwrap_or_default();
            format!("--- {}\n{}", spec.name, String::from_utf8_lossy(&log))
        };
        self.specs.iter().map(read).collect()
    }
}
