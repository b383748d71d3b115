//! `cargo xtask cluster`: a cluster of real members on this machine, in the background.

mod bootstrap;
mod control;
mod down;
mod launch;
mod logs;
mod names;
mod ports;
mod progress;
mod state;
mod up;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::state::Directory;

const PORTS: &str = "\
Member number i (from 0) is called infra<i>. Its client port is the base port + 10 i, and its peer port
is one more: infra0 has 2379 and 2380, infra1 has 2389 and 2390. Everything listens on 127.0.0.1.";

/// Run a cluster of real members on this machine.
#[derive(Debug, Args)]
#[command(after_help = PORTS)]
pub(crate) struct Arguments {
    /// Where state, data and logs are kept [default: .cluster in the workspace]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Build the server, start what is not running, and wait until the cluster has a leader
    Up(up::Options),
    /// Show every member; exits with 1 unless all of them run and follow a leader
    Status,
    /// Show the members' logs
    Logs(logs::Options),
    /// kill -9: what a power cut looks like
    Kill(Members),
    /// SIGTERM, and wait until it has ended
    Stop(Members),
    /// Start members that do not run
    Start(Members),
    /// SIGSTOP: it keeps its connections and answers nothing
    Pause(Members),
    /// SIGCONT
    Resume(Members),
    /// Stop every member; data and logs stay, unless told otherwise
    Down(down::Options),
}

#[derive(Debug, Args)]
struct Members {
    /// Names of members, `leader`, or `all`
    #[arg(required = true, value_name = "MEMBER")]
    members: Vec<String>,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let directory = Directory::new(arguments.data);
    match arguments.action {
        Action::Up(options) => up::run(&directory, &options),
        Action::Status => view::status(&directory),
        Action::Logs(options) => logs::run(&directory, &options),
        Action::Kill(named) => control::kill(&directory, &named.members),
        Action::Stop(named) => control::stop(&directory, &named.members),
        Action::Start(named) => control::start(&directory, &named.members),
        Action::Pause(named) => control::pause(&directory, &named.members),
        Action::Resume(named) => control::resume(&directory, &named.members),
        Action::Down(options) => down::run(&directory, &options),
    }
}
