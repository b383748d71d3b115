//! A load client for etcd: puts, reads, transactions, watchers, leases; throughput, latency, and what it costs the server.
//!
//! It measures one cluster, or two in alternating rounds (`--against`), so that a noisy machine is noisy for both.
//! Clusters are started on loopback through `etcd-testkit`, or named with `--endpoints`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod compare;
mod connection;
mod handshakes;
mod keys;
mod list;
mod load;
mod measures;
mod options;
mod pacer;
mod progress;
mod report;
mod round;
mod statistics;
mod suite;
mod target;
mod watch;
mod worker;

use std::process::ExitCode;

use clap::Parser as _;

use crate::options::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Handshakes(options) => handshakes::run(&options),
        Command::List(options) => list::run(&options),
        Command::Suite(options) => suite::run(&options),
        Command::Put(options) => compare::run(&options.into_put()),
        Command::Range(options) => compare::run(&options.into_range()),
        Command::Txn(options) => compare::run(&options.into_txn()),
        Command::Mixed(options) => compare::run(&options.into_mixed()),
        Command::Watch(options) => compare::run(&options.into_watch()),
        Command::LeaseKeepalive(options) => compare::run(&options.into_keep_alive()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
