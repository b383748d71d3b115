//! `cluster kill`, `stop`, `start`, `pause`, `resume`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use etcd_testkit::{ProcessId, Signal, wait_until};

use super::launch::{Interrupt, Launched};
use super::names;
use super::ports::check_free;
use super::state::{Directory, State};
use super::view::Role;

const DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn kill(directory: &Directory, words: &[String]) -> anyhow::Result<ExitCode> {
    each_running(directory, words, |name, id| {
        end(name, id, Signal::KILL)?;
        println!("killed {name} (process {})", id.pid);
        Ok(true)
    })
}

pub(super) fn stop(directory: &Directory, words: &[String]) -> anyhow::Result<ExitCode> {
    each_running(directory, words, |name, id| {
        end(name, id, Signal::TERM)?;
        println!("stopped {name} (process {})", id.pid);
        Ok(true)
    })
}

pub(super) fn pause(directory: &Directory, words: &[String]) -> anyhow::Result<ExitCode> {
    each_running(directory, words, |name, id| {
        id.signal(Signal::STOP)?;
        println!("paused {name} (process {})", id.pid);
        Ok(false)
    })
}

pub(super) fn resume(directory: &Directory, words: &[String]) -> anyhow::Result<ExitCode> {
    each_running(directory, words, |name, id| {
        id.signal(Signal::CONT)?;
        println!("resumed {name} (process {})", id.pid);
        Ok(false)
    })
}

pub(super) fn start(directory: &Directory, words: &[String]) -> anyhow::Result<ExitCode> {
    let _lock = directory.lock()?;
    let before = directory.load_existing()?;
    let mut state = before.clone();
    let mut indexes = names::resolve(directory, &state, words)?;
    indexes.retain(|index| {
        let running = state.members[*index].running();
        if let Some(id) = &running {
            println!("{} is already running (process {})", state.members[*index].name, id.pid);
        }
        running.is_none()
    });
    check_free(indexes.iter().map(|index| &state.members[*index]))?;

    let interrupt = Interrupt::catch()?;
    let mut launched = Launched::new(directory, Some(before));
    for index in &indexes {
        launched.start(&mut state, *index)?;
    }
    let running = state.members.iter().filter(|member| member.running().is_some()).count();
    let quorum = state.members.len() / 2 + 1;
    if running >= quorum {
        launched.wait(&state, DEADLINE, &interrupt, Role::is_well)?;
    }
    launched.finish();
    for index in &indexes {
        println!("started {}", state.members[*index].name);
    }
    if running < quorum {
        println!("no leader yet: {running} of {} members run, {quorum} are needed", state.members.len());
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends `id` by `signal` and waits for its end.
pub(super) fn end(name: &str, id: &ProcessId, signal: Signal) -> anyhow::Result<()> {
    id.signal(signal).with_context(|| format!("cannot signal {name}"))?;
    if id.is_paused() {
        // A paused process takes SIGTERM only once it goes on; that it may be gone by now is what we want.
        let _resumed = id.signal(Signal::CONT);
    }
    wait_until(&format!("{name} to end"), DEADLINE, || {
        if id.is_alive() { Err(format!("process {} still runs", id.pid)) } else { Ok(()) }
    })?;
    Ok(())
}

/// Does `act` to each member that `words` name; those for which it says so do not run afterwards.
fn each_running(
    directory: &Directory,
    words: &[String],
    act: impl Fn(&str, &ProcessId) -> anyhow::Result<bool>,
) -> anyhow::Result<ExitCode> {
    let _lock = existing_lock(directory)?;
    let mut state = directory.load_existing()?;
    let indexes = names::resolve(directory, &state, words)?;
    let idle: Vec<_> = indexes.iter().filter(|index| state.members[**index].running().is_none()).collect();
    if let Some(index) = idle.first()
        && !words.iter().any(|word| word == "all")
    {
        bail!(
            "{} is not running; start it: cargo xtask cluster{} start {0}",
            state.members[**index].name,
            directory.option()
        );
    }
    for index in indexes {
        let Some(id) = state.members[index].running() else { continue };
        if act(&state.members[index].name, &id)? {
            state.members[index].set_process(None);
            directory.save(&state)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Locks a cluster that exists; does not make a directory for one that does not.
pub(super) fn existing_lock(directory: &Directory) -> anyhow::Result<super::state::Lock> {
    let _exists: State = directory.load_existing()?;
    directory.lock()
}
