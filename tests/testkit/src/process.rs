//! One running server process.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::identity::{ProcessId, SignalError};
use crate::wait::{WaitError, wait_until};

/// How long the kernel may take to carry out a signal: a thread that waits for a slow disk hears of it only afterwards.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to run, and where its output goes.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub binary: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Standard output and standard error are appended to this file.
    pub log: PathBuf,
}

/// A child process with its output in a file. Killed (SIGKILL) when dropped.
///
/// It runs in a process group of its own, so that Ctrl-C in a terminal does not reach it, with no standard input
/// and without the `ETCD_*` variables of our environment (which etcd would take for flags).
#[derive(Debug)]
pub struct Process {
    child: Option<Child>,
    id: ProcessId,
}

/// A process could not be started or controlled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The log file could not be opened.
    #[error("cannot open the log file {path}")]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The program could not be started.
    #[error("cannot run {binary}: {source}")]
    Start {
        /// The program.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel would not say how the process ended.
    #[error("cannot learn how process {pid} ended")]
    Collect {
        /// The process.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// It does not run any more, or cannot be signalled.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// It did not end in time.
    #[error(transparent)]
    Wait(#[from] WaitError),
}

impl Process {
    /// Starts `launch`. The process may still fail right after: wait for a state.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be run.
    pub fn start(launch: &Launch) -> Result<Self, ProcessError> {
        let log = |path: &Path| OpenOptions::new().create(true).append(true).open(path);
        let failed = |source| ProcessError::Log { path: launch.log.clone(), source };
        let output = log(&launch.log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;

        let mut command = Command::new(&launch.binary);
        command.args(&launch.arguments).stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        for (name, _) in std::env::vars_os() {
            if is_server_variable(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        let cannot = |source| ProcessError::Start { binary: launch.binary.clone(), source };
        let child = command.spawn().map_err(cannot)?;
        // Not collected yet, so it is in /proc even if it has ended already.
        let id = ProcessId::of(child.id()).ok_or_else(|| cannot(io::ErrorKind::NotFound.into()))?;
        Ok(Self { child: Some(child), id })
    }

    /// Who it is.
    #[must_use]
    pub const fn id(&self) -> &ProcessId {
        &self.id
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        let pid = self.id.pid;
        let Some(child) = &mut self.child else { return Ok(None) };
        child.try_wait().map_err(|source| ProcessError::Collect { pid, source })
    }

    /// SIGKILL, and collects it: what a power cut looks like to the other members.
    ///
    /// # Errors
    /// `Signal` when it has ended already.
    pub fn kill(&mut self) -> Result<ExitStatus, ProcessError> {
        self.id.signal(Signal::KILL)?;
        self.collect(PATIENCE)
    }

    /// SIGTERM, and waits until it has ended by itself.
    ///
    /// # Errors
    /// `Signal` when it has ended already; `Wait` when it is still there after `deadline` (and it keeps running).
    pub fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        self.id.signal(Signal::TERM)?;
        self.collect(deadline)
    }

    /// SIGSTOP: it keeps its sockets and answers nothing. Returns when it stands still.
    ///
    /// # Errors
    /// When it has ended.
    pub fn pause(&self) -> Result<(), ProcessError> {
        self.id.signal(Signal::STOP)?;
        wait_until("the process to pause", PATIENCE, || {
            if self.id.is_paused() { Ok(()) } else { Err("it still runs".to_owned()) }
        })?;
        Ok(())
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resume(&self) -> Result<(), ProcessError> {
        Ok(self.id.signal(Signal::CONT)?)
    }

    /// Lets it run on without us.
    #[must_use]
    pub fn detach(mut self) -> ProcessId {
        self.child = None;
        self.id.clone()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// `Wait` when it still runs after `deadline`.
    pub fn collect(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        let what = format!("process {} to end", self.id.pid);
        wait_until(&what, deadline, || match self.exit_status() {
            Ok(Some(status)) => Ok(Ok(status)),
            Ok(None) => Err("it still runs".to_owned()),
            Err(error) => Ok(Err(error)),
        })?
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Nothing is left to do when either fails: it has ended, and was collected.
            let _ended = child.kill();
            let _collected = child.wait();
        }
    }
}

/// etcd reads every `ETCD_*` variable as a flag, but for the one that lets Go's builds run on rare machines.
fn is_server_variable(name: &str) -> bool {
    name.starts_with("ETCD_") && name != "ETCD_UNSUPPORTED_ARCH"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    fn start(script: &str, directory: &Path) -> Process {
        Process::start(&Launch {
            binary: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            log: directory.join("log"),
        })
        .unwrap()
    }

    #[test]
    fn the_output_goes_to_the_log_and_the_status_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut process = start("echo out; echo err >&2; exit 7", directory.path());
        assert_eq!(process.collect(Duration::from_secs(60)).unwrap().code(), Some(7));
        assert_eq!(crate::last_lines(&directory.path().join("log"), 9), ["out", "err"]);
        assert!(matches!(process.kill(), Err(ProcessError::Signal(SignalError::Gone { .. }))));
    }

    #[test]
    fn pause_kill_and_drop() {
        let directory = tempfile::tempdir().unwrap();
        let mut process = start("exec sleep 600", directory.path());
        process.pause().unwrap();
        assert!(process.id().is_paused());
        assert_eq!(process.kill().unwrap().signal(), Some(9), "also when paused");

        let process = start("exec sleep 600", directory.path());
        let id = process.id().clone();
        drop(process);
        assert!(!id.is_alive());
    }

    #[test]
    fn a_program_that_does_not_exist() {
        let directory = tempfile::tempdir().unwrap();
        let launch =
            Launch { binary: "/no/such/etcd".into(), arguments: vec![], log: directory.path().join("log") };
        let error = Process::start(&launch).unwrap_err().to_string();
        assert!(error.starts_with("cannot run /no/such/etcd: No such file"), "{error}");
    }

    #[test]
    fn variables_that_would_be_flags() {
        assert!(is_server_variable("ETCD_NAME"));
        assert!(!is_server_variable("ETCDCTL_API") && !is_server_variable("ETCD_UNSUPPORTED_ARCH"));
    }
}
