//! What the guide's hosts run.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use etcd_it::{DEADLINE, Scratch, assert_no_panic, discovery_service, server};
use etcd_testkit::{ProcessId, Signal, wait_until};

use super::ground::Ground;

/// A server that a command started. Killed when dropped.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Everything it has said.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as an operator does, and waits.
    pub(super) fn stop(mut self) {
        let id = ProcessId::of(self.child.id()).expect("it runs");
        id.signal(Signal::TERM).unwrap();
        self.exit_code();
    }

    /// Its exit code, once it has ended.
    pub(super) fn exit_code(&mut self) -> Option<i32> {
        let status = wait_until("the server to end", DEADLINE, || {
            self.child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
        });
        status.unwrap_or_else(|error| panic!("{error}\n{}", self.log())).code()
    }

    /// Waits until it has said `text`.
    pub(super) fn wait_for_output(&self, text: &str) {
        let said = wait_until("the server to say something", DEADLINE, || {
            if self.log().contains(text) { Ok(()) } else { Err(format!("{text:?} is not in its log")) }
        });
        said.unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _collected = self.child.wait();
        let log = self.log();
        if std::thread::panicking() {
            let lines: Vec<&str> = log.lines().rev().take(15).collect();
            eprintln!("--- last lines of {}, newest first:\n{}", self.log.display(), lines.join("\n"));
        } else {
            assert_no_panic(&log);
        }
    }
}

/// The hosts, each with a directory of its own.
pub(super) struct Machines {
    pub(super) ground: Ground,
    pub(super) scratch: Scratch,
    /// Set for every command.
    pub(super) variables: Vec<(String, String)>,
    count: usize,
}

const HOSTS: [&str; 6] = ["infra0", "infra1", "infra2", "infra3", "myetcd", "discovery"];

impl Machines {
    pub(super) fn new(ground: Ground) -> Self {
        let scratch = Scratch::new();
        let bin = scratch.join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(server(), bin.join("etcd")).unwrap();
        std::os::unix::fs::symlink(discovery_service(), bin.join("etcd-discovery-service")).unwrap();
        let machines = Self { ground, scratch, variables: Vec::new(), count: 0 };
        machines.empty();
        machines
    }

    /// Removes what is on the hosts. What the first one has in `certs` all have, as if it had been copied.
    pub(super) fn empty(&self) {
        let certs = self.directory("infra0").join("certs");
        for host in HOSTS {
            let directory = self.directory(host);
            let _there_or_not = std::fs::remove_dir_all(&directory);
            std::fs::create_dir_all(&directory).unwrap();
            if host != "infra0" {
                std::os::unix::fs::symlink(&certs, directory.join("certs")).unwrap();
            }
        }
    }

    pub(super) fn directory(&self, host: &str) -> PathBuf {
        self.scratch.join(&format!("host-{host}"))
    }

    fn shell(&self, host: &str, script: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.scratch.join("bin").display());
        let mut command = self.ground.shell(host, script);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ETCD_")) {
            command.env_remove(name);
        }
        command
            .current_dir(self.directory(host))
            .env("PATH", path)
            .env("ETCDCTL_API", "3")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Starts a server.
    pub(super) fn start(&mut self, host: &str, script: &str) -> Running {
        self.count += 1;
        let log = self.scratch.join(&format!("{}-{host}.log", self.count));
        let file = File::create(&log).unwrap();
        let mut command = self.shell(host, script);
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Running { child, log }
    }

    /// Runs a command until it succeeds: the servers before it have just been started. What it prints.
    pub(super) fn run(&self, host: &str, script: &str) -> String {
        let output = wait_until(script, DEADLINE, || self.try_to(host, script));
        output.unwrap_or_else(|error| panic!("on {host}: {error}"))
    }

    /// Runs a command until it prints what is expected: it may succeed before all members have told their names.
    pub(super) fn run_until(&self, host: &str, script: &str, expected: &str) {
        let printed = wait_until(script, DEADLINE, || match self.try_to(host, script)? {
            said if said == expected => Ok(()),
            said => Err(format!("{said:?} is not {expected:?}")),
        });
        printed.unwrap_or_else(|error| panic!("on {host}: {error}"));
    }

    /// Runs a command once. What it prints, or, when it fails, all that it says.
    fn try_to(&self, host: &str, script: &str) -> Result<String, String> {
        let output = self.shell(host, script).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        if output.status.success() {
            Ok(text)
        } else {
            Err(format!("{text} {}", String::from_utf8_lossy(&output.stderr)))
        }
    }
}

/// Whether a script is one of the servers, which runs until it is ended; variables may come first.
pub(super) fn is_server(script: &str) -> bool {
    let script = if script.starts_with("ETCD_") {
        &script[script.find("etcd ").unwrap_or_default()..]
    } else {
        script
    };
    script.starts_with("etcd ") || script.starts_with("etcd-discovery-service ")
}
