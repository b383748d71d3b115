//! One server process whose two outputs are kept apart.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use etcd_testkit::{ProcessId, Signal, wait_until};

use crate::{Scratch, server};

/// How long any single wait of these tests may take.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The server under test, started with any flags and variables. Killed when dropped.
///
/// Unlike [`etcd_testkit::Process`] it keeps standard output and standard error apart, and takes variables.
#[derive(Debug)]
pub struct Server {
    child: Child,
    id: ProcessId,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// How a server ended, and all that it said.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Server {
    /// Starts the server under test with these arguments, in `scratch` as its working directory.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<A: Into<OsString>>(scratch: &Scratch, arguments: impl IntoIterator<Item = A>) -> Self {
        Self::start_with(scratch, arguments, &[])
    }

    /// The same, with environment variables. None but these begin with `ETCD_`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_with<A: Into<OsString>>(
        scratch: &Scratch,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
    ) -> Self {
        Self::start_program(&server(), scratch, arguments, variables)
    }

    /// The same with another program, such as an etcd to compare with.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_program<A: Into<OsString>>(
        program: &Path,
        scratch: &Scratch,
        arguments: impl IntoIterator<Item = A>,
        variables: &[(&str, &str)],
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let stdout = scratch.join(&format!("server-{number}.stdout"));
        let stderr = scratch.join(&format!("server-{number}.stderr"));
        let mut command = Command::new(program);
        command
            .args(arguments.into_iter().map(Into::into))
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("a file for its output"))
            .stderr(File::create(&stderr).expect("a file for its errors"))
            .process_group(0);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCD_") {
                command.env_remove(name);
            }
        }
        command.envs(variables.iter().copied());
        let child = command.spawn().expect("the server can be started");
        let id = ProcessId::of(child.id()).expect("a child that was not collected has an entry in /proc");
        Self { child, id, stdout, stderr }
    }

    /// Who it is.
    #[must_use]
    pub const fn id(&self) -> &ProcessId {
        &self.id
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// Everything it has written so far.
    #[must_use]
    pub fn output(&self) -> String {
        read(&self.stdout) + &read(&self.stderr)
    }

    /// Waits until its output holds `text`.
    ///
    /// # Panics
    /// When it ends before, or does not say so in time.
    pub fn wait_for_output(&mut self, text: &str) {
        let what = format!("the server to say {text:?}");
        let said = wait_until(&what, DEADLINE, || {
            // Whether it has ended is asked first, so that its last words are still looked at.
            let ended = self.exit();
            match (self.output().contains(text), ended) {
                (true, _) => Ok(true),
                (false, Some(_)) => Ok(false),
                (false, None) => Err("it runs, and does not say so".to_owned()),
            }
        });
        assert!(matches!(said, Ok(true)), "{what}: {said:?}\n{}", self.output());
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        self.id.signal(signal).expect("it runs");
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.exit().is_none()
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it still runs after the deadline.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        let status =
            wait_until("the server to end", DEADLINE, || self.exit().ok_or_else(|| "it runs".to_owned()));
        let status = status.unwrap_or_else(|error| panic!("{error}\n{}", self.output()));
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        }
    }

    fn exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of our own child")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended, and been collected.
        let _ended = self.child.kill();
        let _collected = self.child.wait();
        if !std::thread::panicking() {
            assert_no_panic(&self.output());
        }
    }
}

impl Ended {
    /// The lines on standard error that are meant for people: those that begin with `etcd: `.
    #[must_use]
    pub fn human_lines(&self) -> Vec<&str> {
        self.stderr.lines().filter(|line| line.starts_with("etcd: ")).collect()
    }
}

/// Checks that a server's output tells of no panic.
///
/// # Panics
/// When it does.
pub fn assert_no_panic(output: &str) {
    for word in ["panicked at", "goroutine 1 ["] {
        assert!(!output.contains(word), "the server panicked:\n{output}");
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
