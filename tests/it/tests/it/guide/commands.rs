//! Every command of the clustering guide, on the guide's hosts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use etcd_it::{DEADLINE, Scratch, assert_no_panic, foreign, is_go_3_4, server};
use etcd_testkit::wait_until;

use super::document::{Section, Step, read, sections};
use super::network::Network;

/// A server that a command started. Killed when dropped.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _collected = self.child.wait();
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        if std::thread::panicking() {
            let lines: Vec<&str> = log.lines().rev().take(15).collect();
            eprintln!("--- last lines of {}, newest first:\n{}", self.log.display(), lines.join("\n"));
        } else {
            assert_no_panic(&log);
        }
    }
}

struct Guide {
    network: Network,
    scratch: Scratch,
    count: usize,
}

#[test]
fn every_command_of_the_document() {
    if is_go_3_4() {
        eprintln!("NOT TESTED: the document: it is about this server");
        return;
    }
    if foreign("etcdctl").is_none() || foreign("etcd").is_none() || foreign("curl").is_none() {
        return;
    }
    let Some(network) = Network::new() else { return };
    let mut guide = Guide { network, scratch: Scratch::new(), count: 0 };
    let bin = guide.scratch.join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(server(), bin.join("etcd")).unwrap();
    for section in sections(&read("clustering.md")) {
        guide.run(&section);
    }
}

impl Guide {
    /// Servers that a section starts run to its end; each section begins with empty hosts.
    fn run(&mut self, section: &Section) {
        let mut running = Vec::new();
        for step in &section.steps {
            let what = format!("{}: {} on {}", section.title, step.script, step.host);
            self.count += 1;
            if !step.script.starts_with("etcd ") {
                self.command(step, &what);
            } else if let Some(expected) = &step.expected {
                self.refused(step, expected, &what);
            } else {
                running.push(self.start(step));
            }
        }
        drop(running);
        for host in ["infra0", "infra1", "infra2", "infra3", "myetcd"] {
            let _there_or_not = std::fs::remove_dir_all(self.directory(host));
        }
    }

    fn directory(&self, host: &str) -> PathBuf {
        self.scratch.join(&format!("host-{host}"))
    }

    fn shell(&self, step: &Step) -> Command {
        let directory = self.directory(&step.host);
        std::fs::create_dir_all(&directory).unwrap();
        // The discovery service is somebody else's etcd: one that serves the v2 keys API.
        let path = std::env::var("PATH").unwrap();
        let path = if step.host == "myetcd" {
            path
        } else {
            format!("{}:{path}", self.scratch.join("bin").display())
        };
        // Only the process itself is ended later: it must not be the shell.
        let script = if step.script.starts_with("etcd ") {
            format!("exec {}", step.script)
        } else {
            step.script.clone()
        };
        let mut command = self.network.shell(&step.host, &script);
        command.current_dir(directory).env("PATH", path).env("ETCDCTL_API", "3").stdin(Stdio::null());
        command
    }

    fn log(&self) -> PathBuf {
        self.scratch.join(&format!("{}.log", self.count))
    }

    fn start(&self, step: &Step) -> Running {
        let log = self.log();
        let file = File::create(&log).unwrap();
        let child = self.shell(step).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Running { child, log }
    }

    /// The server must end with exit code 1, and say for people what the document says.
    fn refused(&self, step: &Step, expected: &str, what: &str) {
        let mut running = self.start(step);
        let status = wait_until("the server to end", DEADLINE, || {
            running.child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
        });
        let output = std::fs::read_to_string(&running.log).unwrap();
        assert_eq!(
            status.unwrap_or_else(|error| panic!("{what}: {error}")).code(),
            Some(1),
            "{what}: {output}"
        );
        let human: Vec<&str> = output.lines().filter(|line| !line.starts_with('{')).collect();
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(human.get(..expected.len()), Some(&expected[..]), "{what}");
    }

    /// The command must come to succeed: the servers before it have just been started.
    fn command(&self, step: &Step, what: &str) {
        let output = wait_until(what, DEADLINE, || {
            let output = self.shell(step).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
            if output.status.success() {
                Ok(text)
            } else {
                Err(format!("{text} {}", String::from_utf8_lossy(&output.stderr)))
            }
        });
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        if let Some(expected) = &step.expected {
            assert_eq!(&output, expected, "{what}");
        }
        assert!(Path::new(&self.directory(&step.host)).exists());
    }
}
