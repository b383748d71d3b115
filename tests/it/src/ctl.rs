//! `etcdctl`, the client that people have.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Running, foreign};

/// Runs `etcdctl` (3.4 or later) against some endpoints.
#[derive(Debug, Clone)]
pub struct Ctl {
    program: PathBuf,
    endpoints: String,
    api: Api,
}

/// Which of the two programs that `etcdctl` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    V2,
    V3,
}

/// What one run of `etcdctl` gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error, without the warnings that its client logs as JSON.
    pub stderr: String,
}

impl Ctl {
    /// `etcdctl` for these client URLs; `None` when it is not installed, see [`foreign`].
    #[must_use]
    pub fn new<S: AsRef<str>>(endpoints: &[S]) -> Option<Self> {
        let endpoints: Vec<_> = endpoints.iter().map(AsRef::as_ref).collect();
        Some(Self { program: foreign("etcdctl")?, endpoints: endpoints.join(","), api: Api::V3 })
    }

    /// The same `etcdctl` with the commands of the v2 API.
    #[must_use]
    pub fn v2(&self) -> Self {
        Self { api: Api::V2, ..self.clone() }
    }

    /// Runs it with these arguments.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Answer {
        self.run_with_input(arguments, "")
    }

    /// Runs it with these arguments and this standard input.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Answer {
        let mut child = self.command(arguments).stderr(Stdio::piped()).spawn().expect("etcdctl can be run");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        // It may end without reading.
        let _unread = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("etcdctl ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        Answer {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: stderr
                .lines()
                .filter(|line| !line.starts_with('{'))
                .map(|line| format!("{line}\n"))
                .collect(),
        }
    }

    /// Starts it, for a command that goes on until it is stopped.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        let child = self.command(arguments).stderr(Stdio::null()).spawn();
        Running::new(child.expect("etcdctl can be run"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCDCTL_") {
                command.env_remove(name);
            }
        }
        // Its own limits are 5 s, and 2 s for the log-in or a request; a busy machine may need more.
        let (version, limits) = match self.api {
            Api::V2 => ("2", ["--total-timeout=30s", "--timeout=30s"]),
            Api::V3 => ("3", ["--command-timeout=30s", "--dial-timeout=30s"]),
        };
        command
            .env("ETCDCTL_API", version)
            .arg(format!("--endpoints={}", self.endpoints))
            .args(limits)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    /// Runs it, and gives what it says on standard output.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.code, Some(0), "etcdctl {arguments:?}: {answer:?}");
        answer.stdout
    }

    /// Runs it, and gives the line of standard error that begins with `Error: `, without that.
    ///
    /// # Panics
    /// When it succeeds, or fails without such a line.
    #[must_use]
    pub fn error(&self, arguments: &[&str]) -> String {
        let answer = self.run(arguments);
        assert_eq!(answer.code, Some(1), "etcdctl {arguments:?}: {answer:?}");
        let line = answer.stderr.lines().find_map(|line| line.strip_prefix("Error: "));
        line.unwrap_or_else(|| panic!("etcdctl {arguments:?}: {answer:?}")).to_owned()
    }

    /// Runs it with `--write-out=json`.
    ///
    /// # Panics
    /// When it fails or does not answer in JSON.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["--write-out=json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("etcdctl {arguments:?}: {error}: {text}"))
    }
}
