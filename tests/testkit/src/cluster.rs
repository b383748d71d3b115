//! A cluster of real processes on loopback.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tempfile::TempDir;

use crate::builder::ClusterBuilder;
use crate::ports::{ReservedPort, reserve_ports};
use crate::probe::Probe;
use crate::process::{Launch, Process, ProcessError};
use crate::spec::{MemberSpec, Security};
use crate::tail::last_lines;
use crate::wait::{WaitError, wait_until};

const LOG_LINES: usize = 8;

/// How long a member may take to answer one question: tests ask some of them once only.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster in a directory of its own, with reserved ports; all of it goes when this value is dropped.
///
/// The directory stays when a wait has failed or the thread panics, and its path is printed.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    options: ClusterBuilder,
    directory: Option<TempDir>,
    failed: Cell<bool>,
}

/// One member of a [`Cluster`], running or not.
#[derive(Debug)]
pub struct Member {
    spec: MemberSpec,
    log: PathBuf,
    probe: Probe,
    process: Option<Process>,
    _ports: Vec<ReservedPort>,
}

/// Something did not go as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No ports, or no directory.
    #[error("cannot prepare a cluster: {0}")]
    Prepare(#[source] io::Error),
    /// A member cannot be started or signalled.
    #[error("{member}: {source}")]
    Process {
        /// Name of the member.
        member: String,
        /// Why.
        source: ProcessError,
    },
    /// The member does not run.
    #[error("{member} is not running")]
    NotRunning {
        /// Name of the member.
        member: String,
    },
    /// The member runs already.
    #[error("{member} is running")]
    Running {
        /// Name of the member.
        member: String,
    },
    /// A member that is meant to run has ended.
    #[error("{member} ended by itself ({status}) while waiting for {what}\n{logs}")]
    Ended {
        /// Name of the member.
        member: String,
        /// How it ended.
        status: String,
        /// What was waited for.
        what: String,
        /// The last log lines of every member.
        logs: String,
    },
    /// A state did not come about.
    #[error("{source}\n{logs}")]
    Wait {
        /// What was waited for, and what was seen.
        source: WaitError,
        /// The last log lines of every member.
        logs: String,
    },
}

impl Member {
    /// Name, ports, data directory.
    #[must_use]
    pub const fn spec(&self) -> &MemberSpec {
        &self.spec
    }

    /// Its log file.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Asks it.
    #[must_use]
    pub const fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Its process id while it is meant to run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.id().pid)
    }

    /// Whether it is meant to run and is not paused.
    fn takes_part(&self) -> bool {
        self.process.as_ref().is_some_and(|process| !process.id().is_paused())
    }
}

impl Cluster {
    /// Describes a cluster that runs `binary`.
    #[must_use]
    pub fn builder(binary: impl Into<PathBuf>) -> ClusterBuilder {
        ClusterBuilder::new(binary)
    }

    pub(crate) fn prepare(options: ClusterBuilder) -> Result<Self, ClusterError> {
        let directory = tempfile::Builder::new()
            .prefix("etcd-testkit-")
            .tempdir_in(&options.parent)
            .map_err(ClusterError::Prepare)?;
        let mut ports = reserve_ports(options.members * 2).map_err(ClusterError::Prepare)?;
        let member = |index: usize| {
            let name = format!("{}{index}", options.name_prefix);
            let own = ports.split_off(ports.len() - 2);
            let spec = MemberSpec {
                client_port: own[0].get(),
                peer_port: own[1].get(),
                data_dir: directory.path().join(&name),
                security: security(&options.security, index),
                name,
            };
            let log = directory.path().join(format!("{}.log", spec.name));
            Member { probe: Probe::patient(&spec, PATIENCE), spec, log, process: None, _ports: own }
        };
        let members = (0..options.members).map(member).collect();
        Ok(Self { members, options, directory: Some(directory), failed: Cell::new(false) })
    }

    /// All members, running or not.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member with this index.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn member(&self, index: usize) -> &Member {
        &self.members[index]
    }

    /// The client URLs of all members.
    #[must_use]
    pub fn client_urls(&self) -> Vec<String> {
        self.members.iter().map(|member| member.spec.client_url()).collect()
    }

    /// Starts a member that does not run, with the flags of a new cluster (ignored once it has data).
    ///
    /// # Errors
    /// `Running`, or `Process` when it cannot be started.
    pub fn start(&mut self, index: usize) -> Result<(), ClusterError> {
        let specs: Vec<_> = self.members.iter().map(|member| member.spec.clone()).collect();
        let mut arguments = specs[index].arguments(&specs, "etcd-testkit");
        arguments.extend(self.options.arguments.iter().cloned());
        let binary = self.options.binary.clone();
        let member = &mut self.members[index];
        if member.process.as_ref().is_some_and(|process| process.id().is_alive()) {
            return Err(ClusterError::Running { member: member.spec.name.clone() });
        }
        let launch = Launch { binary, arguments, log: member.log.clone() };
        let process = Process::start(&launch)
            .map_err(|source| ClusterError::Process { member: member.spec.name.clone(), source })?;
        member.process = Some(process);
        Ok(())
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self, index: usize) -> Result<ExitStatus, ClusterError> {
        self.end(index, Process::kill)
    }

    /// SIGTERM, then waits for its end.
    ///
    /// # Errors
    /// When it does not run, or does not end before the deadline.
    pub fn stop(&mut self, index: usize) -> Result<ExitStatus, ClusterError> {
        let deadline = self.options.deadline;
        self.end(index, |process| process.terminate(deadline))
    }

    /// SIGSTOP.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pause(&self, index: usize) -> Result<(), ClusterError> {
        self.with_process(index, Process::pause)
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&self, index: usize) -> Result<(), ClusterError> {
        self.with_process(index, Process::resume)
    }

    /// Removes the data of a member that does not run.
    ///
    /// # Errors
    /// `Running`, or `Prepare` when the directory cannot be removed.
    pub fn wipe(&self, index: usize) -> Result<(), ClusterError> {
        let member = &self.members[index];
        if member.process.is_some() {
            return Err(ClusterError::Running { member: member.spec.name.clone() });
        }
        std::fs::remove_dir_all(&member.spec.data_dir).map_err(ClusterError::Prepare)
    }

    /// Waits until exactly one running member leads and every other running one knows a leader; gives its index.
    /// Members that are stopped or paused do not count.
    ///
    /// # Errors
    /// When that is not so before the deadline.
    pub fn wait_for_leader(&mut self) -> Result<usize, ClusterError> {
        self.wait("one leader that every running member knows", |members| {
            let mut leaders = Vec::new();
            for (index, member) in members.iter().enumerate().filter(|(_, member)| member.takes_part()) {
                let metrics = member.probe.metrics().map_err(|error| error.to_string())?;
                if metrics.is_leader() {
                    leaders.push(index);
                } else if !metrics.has_leader() {
                    return Err(format!("{} knows no leader", member.spec.name));
                }
            }
            match leaders[..] {
                [leader] => Ok(leader),
                _ => Err(format!("{} members lead", leaders.len())),
            }
        })
    }

    /// Waits until the member calls itself healthy.
    ///
    /// # Errors
    /// When it does not before the deadline.
    pub fn wait_for_health(&mut self, index: usize) -> Result<(), ClusterError> {
        let what = format!("{} to be healthy", self.members[index].spec.name);
        self.wait(&what, |members| match members[index].probe.health() {
            Ok(true) => Ok(()),
            Ok(false) => Err("it is not healthy".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Waits for a state of the cluster; see [`wait_until`]. Fails early when a member that is meant to run ends.
    ///
    /// # Errors
    /// When the state does not come about, with the last log lines of every member.
    pub fn wait<T>(
        &mut self,
        what: &str,
        mut look: impl FnMut(&[Member]) -> Result<T, String>,
    ) -> Result<T, ClusterError> {
        let members = &mut self.members;
        let outcome = wait_until(what, self.options.deadline, || match first_ended(members) {
            Some(ended) => Ok(Err(ended)),
            None => look(members).map(Ok),
        });
        let ended = match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(ended)) => Ok(ended),
            Err(error) => Err(error),
        };
        self.failed.set(true);
        let logs = self.last_log_lines();
        Err(match ended {
            Ok((member, status)) => ClusterError::Ended { member, status, what: what.to_owned(), logs },
            Err(source) => ClusterError::Wait { source, logs },
        })
    }

    fn end(
        &mut self,
        index: usize,
        how: impl FnOnce(&mut Process) -> Result<ExitStatus, ProcessError>,
    ) -> Result<ExitStatus, ClusterError> {
        let member = &mut self.members[index];
        let name = member.spec.name.clone();
        let Some(process) = &mut member.process else {
            return Err(ClusterError::NotRunning { member: name });
        };
        let status = how(process).map_err(|source| ClusterError::Process { member: name, source })?;
        member.process = None;
        Ok(status)
    }

    fn with_process(
        &self,
        index: usize,
        what: impl FnOnce(&Process) -> Result<(), ProcessError>,
    ) -> Result<(), ClusterError> {
        let member = &self.members[index];
        let name = || member.spec.name.clone();
        let process = member.process.as_ref().ok_or_else(|| ClusterError::NotRunning { member: name() })?;
        what(process).map_err(|source| ClusterError::Process { member: name(), source })
    }

    fn last_log_lines(&self) -> String {
        let mut text = String::new();
        for member in &self.members {
            text += &format!("--- {} ({})\n", member.spec.name, member.log.display());
            for line in last_lines(&member.log, LOG_LINES) {
                text += &line;
                text.push('\n');
            }
        }
        text
    }
}

impl Drop for Cluster {
    #[expect(clippy::print_stderr, reason = "says where the data of a failed test is")]
    fn drop(&mut self) {
        self.members.clear();
        if (self.failed.get() || std::thread::panicking())
            && let Some(directory) = self.directory.take()
        {
            eprintln!("the cluster's data and logs are kept in {}", directory.keep().display());
        }
    }
}

/// The certificates of the member with this index.
fn security(of_all: &[Security], index: usize) -> Security {
    of_all.get(index).or_else(|| of_all.last()).cloned().unwrap_or_default()
}

/// Name and exit status of a member that should run and does not.
fn first_ended(members: &mut [Member]) -> Option<(String, String)> {
    members.iter_mut().find_map(|member| {
        let name = member.spec.name.clone();
        match member.process.as_mut()?.exit_status() {
            Ok(None) => None,
            Ok(Some(status)) => Some((name, status.to_string())),
            Err(error) => Some((name, error.to_string())),
        }
    })
}
