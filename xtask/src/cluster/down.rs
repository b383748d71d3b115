//! `cluster down`.

use std::process::ExitCode;

use clap::Args;
use etcd_testkit::Signal;

use super::control::end;
use super::state::Directory;
use crate::paths;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Remove data, logs and state as well
    #[arg(long)]
    purge: bool,
}

pub(super) fn run(directory: &Directory, options: &Options) -> anyhow::Result<ExitCode> {
    let place = paths::short(directory.path());
    if directory.load()?.is_none() {
        println!("no cluster in {place}");
        return Ok(ExitCode::SUCCESS);
    }
    let _lock = directory.lock()?;
    let mut state = directory.load_existing()?;
    for index in 0..state.members.len() {
        let member = &mut state.members[index];
        if let Some(id) = member.running() {
            if let Err(error) = end(&member.name, &id, Signal::TERM) {
                eprintln!("warning: {error:#}; killing it");
                end(&member.name, &id, Signal::KILL)?;
            }
            println!("stopped {} (process {})", member.name, id.pid);
        }
        member.set_process(None);
        directory.save(&state)?;
    }
    if options.purge {
        directory.remove(&state)?;
        println!("removed data and logs in {place}");
    } else {
        println!(
            "data and logs stay in {place}; remove them: cargo xtask cluster{} down --purge",
            directory.option()
        );
    }
    Ok(ExitCode::SUCCESS)
}
