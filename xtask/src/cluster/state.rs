//! What is remembered of a cluster between two commands.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use etcd_testkit::{MemberSpec, ProcessId, Security};
use serde::{Deserialize, Serialize};

use super::bootstrap::Bootstrap;
use crate::{certs, paths};

const FORMAT: u32 = 1;
const STATE_FILE: &str = "cluster.json";
const LOCK_FILE: &str = ".lock";

/// A cluster: what it is made of, and who runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    format: u32,
    pub(super) binary: PathBuf,
    pub(super) base_port: u16,
    /// Further arguments for every member.
    pub(super) arguments: Vec<String>,
    /// What is spoken on all ports.
    #[serde(default)]
    pub(super) tls: Tls,
    /// How the members have found each other.
    #[serde(default)]
    pub(super) bootstrap: Bootstrap,
    /// The flags for that; none for the static way.
    #[serde(default)]
    pub(super) bootstrap_flags: Vec<String>,
    pub(super) members: Vec<Member>,
}

/// What a cluster speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Tls {
    /// Plain text
    #[default]
    Off,
    /// Certificates of the members' own making; nobody is verified
    Auto,
    /// Certificates of an authority made for this cluster; everybody is verified
    SelfSigned,
}

/// One member, and its process while it is meant to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) client_port: u16,
    pub(super) peer_port: u16,
    process: Option<SavedProcess>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SavedProcess {
    pid: u32,
    started: u64,
    boot: String,
}

/// The directory of a cluster.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    path: PathBuf,
    is_default: bool,
}

/// Keeps other commands from changing the same cluster; ends with the process at the latest.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl State {
    pub(super) fn new(
        binary: PathBuf,
        count: u16,
        base_port: u16,
        arguments: Vec<String>,
    ) -> anyhow::Result<Self> {
        let too_high = || format!("{count} members from port {base_port} on need ports above 65535");
        let member = |index: u16| {
            let client_port = index.checked_mul(10)?.checked_add(base_port)?;
            let peer_port = client_port.checked_add(1)?;
            Some(Member { name: format!("infra{index}"), client_port, peer_port, process: None })
        };
        let members = (0..count).map(member).collect::<Option<_>>().with_context(too_high)?;
        Ok(Self {
            format: FORMAT,
            binary,
            base_port,
            arguments,
            tls: Tls::Off,
            bootstrap: Bootstrap::Static,
            bootstrap_flags: Vec::new(),
            members,
        })
    }
}

impl Member {
    /// Its process, if it is meant to run: it may have ended since.
    pub(super) fn process(&self) -> Option<ProcessId> {
        let saved = self.process.clone()?;
        Some(ProcessId { pid: saved.pid, started: saved.started, boot: saved.boot })
    }

    /// Its process, if that is alive.
    pub(super) fn running(&self) -> Option<ProcessId> {
        self.process().filter(ProcessId::is_alive)
    }

    pub(super) fn set_process(&mut self, process: Option<ProcessId>) {
        self.process = process.map(|id| SavedProcess { pid: id.pid, started: id.started, boot: id.boot });
    }
}

impl Directory {
    pub(super) fn new(given: Option<PathBuf>) -> Self {
        let is_default = given.is_none();
        let path = given.unwrap_or_else(|| paths::root().join(".cluster"));
        Self { path: std::path::absolute(&path).unwrap_or(path), is_default }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What to add to a command line so that it means this cluster.
    pub(super) fn option(&self) -> String {
        if self.is_default { String::new() } else { format!(" --data {}", paths::short(&self.path)) }
    }

    /// Where the certificates of a cluster with [`Tls::SelfSigned`] are.
    pub(super) fn certificates(&self) -> PathBuf {
        self.path.join("certs")
    }

    pub(super) fn spec(&self, state: &State, member: &Member) -> MemberSpec {
        MemberSpec {
            name: member.name.clone(),
            client_port: member.client_port,
            peer_port: member.peer_port,
            data_dir: self.path.join(&member.name),
            security: match state.tls {
                Tls::Off => Security::Plain,
                Tls::Auto => Security::Auto,
                Tls::SelfSigned => Security::Files(certs::of_member(&self.certificates(), &member.name)),
            },
        }
    }

    pub(super) fn log(&self, member: &Member) -> PathBuf {
        self.path.join(format!("{}.log", member.name))
    }

    /// The cluster that is kept here; `None` when there is none.
    pub(super) fn load(&self) -> anyhow::Result<Option<State>> {
        let file = self.path.join(STATE_FILE);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let state: State = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a cluster's state", file.display()))?;
        if state.format != FORMAT {
            bail!("{} has the format {}; this xtask knows {FORMAT}", file.display(), state.format);
        }
        Ok(Some(state))
    }

    /// Like [`load`](Self::load), for commands that need a cluster.
    pub(super) fn load_existing(&self) -> anyhow::Result<State> {
        let option = self.option();
        self.load()?.with_context(|| {
            format!("no cluster in {}; start one: cargo xtask cluster{option} up", paths::short(&self.path))
        })
    }

    /// Replaces the state file in one step.
    pub(super) fn save(&self, state: &State) -> anyhow::Result<()> {
        let file = self.path.join(STATE_FILE);
        let fresh = self.path.join("cluster.json.new");
        fs::write(&fresh, serde_json::to_vec_pretty(state)?)
            .and_then(|()| fs::rename(&fresh, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Locks the cluster against other commands; makes the directory if there is none.
    pub(super) fn lock(&self) -> anyhow::Result<Lock> {
        fs::create_dir_all(&self.path).with_context(|| format!("cannot make {}", self.path.display()))?;
        let path = self.path.join(LOCK_FILE);
        let cannot = || format!("cannot lock {}", path.display());
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).with_context(cannot)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!("another `cargo xtask cluster` is at work on {}", paths::short(&self.path))
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
        }
    }

    /// Removes what a cluster left here, and the directory itself if nothing else is in it.
    pub(super) fn remove(&self, state: &State) -> anyhow::Result<()> {
        for member in &state.members {
            removed(fs::remove_dir_all(self.path.join(&member.name)), &self.path.join(&member.name))?;
            removed(fs::remove_file(self.log(member)), &self.log(member))?;
        }
        removed(fs::remove_dir_all(self.certificates()), &self.certificates())?;
        for name in [STATE_FILE, LOCK_FILE] {
            removed(fs::remove_file(self.path.join(name)), &self.path.join(name))?;
        }
        match fs::remove_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            outcome => removed(outcome, &self.path),
        }
    }
}

fn removed(outcome: io::Result<()>, path: &Path) -> anyhow::Result<()> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(parent: &tempfile::TempDir) -> Directory {
        Directory::new(Some(parent.path().join("cluster")))
    }

    #[test]
    fn ports_follow_the_documented_rule() {
        let state = State::new("etcd".into(), 3, 2379, vec![]).unwrap();
        let ports: Vec<_> = state.members.iter().map(|m| (m.client_port, m.peer_port)).collect();
        assert_eq!(ports, [(2379, 2380), (2389, 2390), (2399, 2400)]);
        let error = State::new("etcd".into(), 3, 65_530, vec![]).unwrap_err().to_string();
        assert_eq!(error, "3 members from port 65530 on need ports above 65535");
    }

    #[test]
    fn a_state_survives_saving_and_only_one_may_change_it() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(&parent);
        assert_eq!(directory.load().unwrap(), None);
        assert!(directory.load_existing().unwrap_err().to_string().contains("cluster --data"));

        let lock = directory.lock().unwrap();
        assert!(directory.lock().unwrap_err().to_string().contains("is at work on"));
        let mut state = State::new("etcd".into(), 2, 2379, vec!["--debug".into()]).unwrap();
        state.members[1].set_process(ProcessId::of(std::process::id()));
        directory.save(&state).unwrap();
        drop(lock);
        let loaded = directory.load_existing().unwrap();
        assert_eq!(loaded, state);
        assert_eq!(loaded.members[0].running(), None);
        assert_eq!(loaded.members[1].running().unwrap().pid, std::process::id());
    }

    #[test]
    fn a_recycled_process_id_does_not_run() {
        let mut state = State::new("etcd".into(), 1, 2379, vec![]).unwrap();
        let mut id = ProcessId::of(std::process::id()).unwrap();
        id.started += 1;
        state.members[0].set_process(Some(id));
        assert_eq!(state.members[0].running(), None);
    }

    #[test]
    fn a_foreign_or_newer_state_file_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(&parent);
        fs::create_dir_all(directory.path()).unwrap();
        for (text, reason) in [
            ("{}", "is not a cluster's state"),
            (r#"{"format":9,"binary":"","base_port":1,"arguments":[],"members":[]}"#, "has the format 9"),
        ] {
            fs::write(directory.path().join(STATE_FILE), text).unwrap();
            assert!(directory.load().unwrap_err().to_string().contains(reason));
        }
    }

    #[test]
    fn removing_leaves_strangers_alone() {
        let parent = tempfile::tempdir().unwrap();
        let directory = directory(&parent);
        let state = State::new("etcd".into(), 1, 2379, vec![]).unwrap();
        let _lock = directory.lock().unwrap();
        directory.save(&state).unwrap();
        fs::create_dir(directory.path().join("infra0")).unwrap();
        fs::write(directory.path().join("notes.txt"), "mine").unwrap();
        directory.remove(&state).unwrap();
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
        fs::remove_file(directory.path().join("notes.txt")).unwrap();
        directory.remove(&state).unwrap();
        assert!(!directory.path().exists());
    }
}
