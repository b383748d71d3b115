//! Starting members, and undoing that when it fails.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use etcd_testkit::{Launch, Process, last_lines, wait_until};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::bootstrap::Bootstrap;
use super::progress::Progress;
use super::state::{Directory, State};
use super::view::{self, Role};
use crate::paths;

const LOG_LINES: usize = 15;

/// Members that were started and are not let go yet: dropping this kills them and removes what they created.
pub(super) struct Launched<'a> {
    directory: &'a Directory,
    /// The state before, to return to; `None` when there was no cluster.
    before: Option<State>,
    processes: Vec<(usize, Process)>,
    created: Vec<PathBuf>,
    finished: bool,
}

/// Set once the user wants us to stop.
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(super) fn catch() -> anyhow::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot catch signals")?;
        }
        Ok(Self(flag))
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }
}

impl<'a> Launched<'a> {
    pub(super) const fn new(directory: &'a Directory, before: Option<State>) -> Self {
        Self { directory, before, processes: Vec::new(), created: Vec::new(), finished: false }
    }

    /// Starts the member with this index and notes its process in `state` and on disk.
    pub(super) fn start(&mut self, state: &mut State, index: usize) -> anyhow::Result<()> {
        let specs: Vec<_> = state.members.iter().map(|member| self.directory.spec(state, member)).collect();
        let log = self.directory.log(&state.members[index]);
        let new_paths = [log.clone(), specs[index].data_dir.clone()];
        self.created.extend(new_paths.into_iter().filter(|path| !path.exists()));

        let mut arguments = if state.bootstrap == Bootstrap::Static {
            specs[index].arguments(&specs, &format!("local-{}", state.base_port))
        } else {
            let found = state.bootstrap.advertised(&specs[index]).into_iter();
            let found = found.chain(state.bootstrap_flags.iter().cloned()).map(OsString::from);
            specs[index].own_arguments().into_iter().chain(found).collect()
        };
        arguments.extend(state.arguments.iter().map(OsString::from));
        let process = Process::start(&Launch { binary: state.binary.clone(), arguments, log })?;
        state.members[index].set_process(Some(process.id().clone()));
        self.processes.push((index, process));
        self.directory.save(state)
    }

    /// Waits until `done` holds of the members that were started; fails as soon as one of them ends.
    pub(super) fn wait(
        &mut self,
        state: &State,
        timeout: Duration,
        interrupt: &Interrupt,
        done: impl Fn(Role) -> bool,
    ) -> anyhow::Result<()> {
        let mut progress = Progress::new();
        let outcome = wait_until("every member to follow a leader", timeout, || {
            if let Err(error) = interrupt.check().and_then(|()| self.all_run(state)) {
                return Ok(Err(error));
            }
            let roles: Vec<_> = self
                .processes
                .iter()
                .map(|(index, _)| (*index, view::look_at(self.directory, state, &state.members[*index]).role))
                .collect();
            let words: Vec<_> = roles
                .iter()
                .map(|(index, role)| format!("{} {}", state.members[*index].name, starting(*role)))
                .collect();
            progress.show(&words.join(" · "));
            if roles.iter().all(|(_, role)| done(*role)) { Ok(Ok(())) } else { Err(words.join(", ")) }
        });
        drop(progress);
        match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let logs: Vec<_> =
                    self.processes.iter().map(|(index, _)| self.last_log_lines(state, *index)).collect();
                bail!("{error}\n{}", logs.join("\n"))
            }
        }
    }

    /// Lets the members run on.
    pub(super) fn finish(mut self) {
        self.finished = true;
        for (_, process) in self.processes.drain(..) {
            let _runs_on = process.detach();
        }
    }

    fn all_run(&mut self, state: &State) -> anyhow::Result<()> {
        let mut ended = None;
        for (index, process) in &mut self.processes {
            if let Some(status) = process.exit_status()? {
                ended = Some((*index, status));
                break;
            }
        }
        let Some((index, status)) = ended else { return Ok(()) };
        bail!(
            "{} ended by itself ({status})\n{}",
            state.members[index].name,
            self.last_log_lines(state, index)
        )
    }

    fn last_log_lines(&self, state: &State, index: usize) -> String {
        let log = self.directory.log(&state.members[index]);
        let lines = last_lines(&log, LOG_LINES);
        format!("--- last lines of {}:\n{}", paths::short(&log), lines.join("\n"))
    }
}

impl Drop for Launched<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let count = self.processes.len();
        self.processes.clear();
        for path in &self.created {
            if let Err(error) = remove(path) {
                eprintln!("warning: cannot remove {}: {error}", path.display());
            }
        }
        // Back to the state before; without one, the caller removes the directory.
        if let Some(before) = &self.before
            && let Err(error) = self.directory.save(before)
        {
            eprintln!("warning: {error:#}");
        }
        if count > 0 {
            let members = if count == 1 { "member" } else { "members" };
            eprintln!("undone: killed {count} {members}, and removed what they created");
        }
    }
}

/// While members start, silence is no cause for alarm.
const fn starting(role: Role) -> &'static str {
    match role {
        Role::Starting => "starting",
        role => role.word(),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)
    } else if path.exists() {
        fs::remove_file(path)
    } else {
        Ok(())
    }
}
