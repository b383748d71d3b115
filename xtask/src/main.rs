//! `cargo xtask`: everything a developer runs. It compiles little and never links the server.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod bench;
mod cargo;
mod certs;
mod ci;
mod cluster;
mod paths;
mod steps;
mod table;
mod test;
mod tidy;

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
    /// Make an authority and certificates for members on real hosts
    Certs(certs::Options),
    /// Run everything that must pass
    Test(test::Options),
    /// Run everything that a change must pass before it is merged
    Ci(ci::Options),
    /// Check the layout: crate floors, headers, versions, manifests, tests
    Tidy,
    /// Generate the Rust code of etcd-proto
    Codegen {
        /// Only check that the committed code is current
        #[arg(long)]
        check: bool,
    },
    /// Measure a cluster, alone or against another etcd
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Cluster(arguments) => cluster::run(arguments),
        Command::Certs(options) => certs::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Ci(options) => ci::run(&options),
        Command::Tidy => tidy::run(),
        Command::Codegen { check } => steps::check(ci::codegen(check)).map(|()| ExitCode::SUCCESS),
        Command::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
