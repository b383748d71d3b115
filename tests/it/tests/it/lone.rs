//! One member of its own, on reserved ports.

use std::path::Path;
use std::time::Duration;

use etcd_it::{DEADLINE, Scratch, Server};
use etcd_testkit::{MemberSpec, Probe, ReservedPort, Security, reserve_ports, wait_until};

/// How long the member may take to answer one question: some are asked once only.
const PATIENCE: Duration = Duration::from_secs(20);

/// Name, ports and directory of a member; its ports stay reserved for as long as it lives.
pub(crate) struct Lone {
    pub(crate) scratch: Scratch,
    pub(crate) spec: MemberSpec,
    _ports: Vec<ReservedPort>,
}

impl Lone {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        let ports = reserve_ports(2).unwrap();
        let spec = MemberSpec {
            name: "infra0".to_owned(),
            client_port: ports[0].get(),
            peer_port: ports[1].get(),
            data_dir: scratch.join("data"),
            security: Security::Plain,
        };
        Self { scratch, spec, _ports: ports }
    }

    /// The flags of a cluster of this member alone.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.arguments_in(std::slice::from_ref(&self.spec), "etcd-it")
    }

    /// The flags of this member in the cluster `members`.
    pub(crate) fn arguments_in(&self, members: &[MemberSpec], token: &str) -> Vec<String> {
        let arguments = self.spec.arguments(members, token);
        arguments.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    /// Flags, then `more`, which come last and so win.
    pub(crate) fn with(&self, more: &[&str]) -> Vec<String> {
        let mut arguments = self.arguments();
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        arguments
    }

    pub(crate) fn start(&self) -> Server {
        self.start_with(&[])
    }

    pub(crate) fn start_with(&self, more: &[&str]) -> Server {
        let mut server = Server::start(&self.scratch, self.with(more));
        self.wait_for_health(&mut server);
        server
    }

    /// The same member, run by another program.
    pub(crate) fn start_program(&self, program: &Path) -> Server {
        self.start_program_with(program, &[])
    }

    pub(crate) fn start_program_with(&self, program: &Path, more: &[&str]) -> Server {
        let mut server = Server::start_program(program, &self.scratch, self.with(more), &[]);
        self.wait_for_health(&mut server);
        server
    }

    pub(crate) fn wait_for_health(&self, server: &mut Server) {
        let healthy = wait_until("the member to be healthy", DEADLINE, || {
            // One that has ended will never be.
            if !server.is_running() {
                return Ok(false);
            }
            match self.probe().health() {
                Ok(true) => Ok(true),
                other => Err(format!("{other:?}")),
            }
        });
        assert!(matches!(healthy, Ok(true)), "not healthy: {healthy:?}\n{}", server.output());
    }

    pub(crate) fn probe(&self) -> Probe {
        Probe::patient(&self.spec, PATIENCE)
    }
}
