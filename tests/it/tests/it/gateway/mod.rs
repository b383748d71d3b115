//! The JSON gateway and the HTTP listeners, driven by curl.

mod differential;
mod listeners;
mod streams;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub(crate) use differential::Both;
use etcd_it::{Running, foreign};

/// Runs `curl` against one member.
pub(crate) struct Curl {
    program: PathBuf,
    base: String,
}

impl Curl {
    /// `curl` for this client URL; `None` when it is not installed.
    pub(crate) fn new(base: String) -> Option<Self> {
        Some(Self { program: foreign("curl")?, base })
    }

    /// Status and body of a POST.
    pub(crate) fn post(&self, path: &str, body: &str) -> (u16, String) {
        self.run(&["-X", "POST", "--data-binary", "@-"], path, body)
    }

    /// A POST whose answer comes bit by bit, or not at all for a while.
    pub(crate) fn spawn(&self, path: &str, body: &str) -> Running {
        let child = Command::new(&self.program)
            .args(["--silent", "--no-buffer", "--data-binary", body])
            .arg(format!("{}{path}", self.base))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Running::new(child.unwrap())
    }

    /// Status and body of a request with these arguments.
    pub(crate) fn run(&self, arguments: &[&str], path: &str, input: &str) -> (u16, String) {
        let mut child = Command::new(&self.program)
            .args(["--silent", "--max-time", "30", "--write-out", "\n%{http_code}"])
            .args(arguments)
            .arg(format!("{}{path}", self.base))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }
}
