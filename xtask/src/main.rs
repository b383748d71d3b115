//! `cargo xtask`: everything a developer runs. It compiles little and never links the server.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod cargo;
mod cluster;
mod paths;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything a developer runs: local clusters, tests, checks, code generation, benchmarks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a cluster of real members on this machine
    Cluster(cluster::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Cluster(arguments) => cluster::run(arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
