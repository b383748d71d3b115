//! `cargo xtask bench`: builds and runs the load client, a crate of its own because it compiles a gRPC client.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::{cargo, paths};

/// Measure a cluster, alone or against another etcd.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What to measure, and how: passed on to the load client, which explains itself with --help
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let manifest = paths::root().join("Cargo.toml");
    let mut command = cargo::cargo(&["run", "--release", "--package", "etcd-bench", "--manifest-path"]);
    command.arg(manifest).arg("--").args(&options.arguments);
    if needs_server(&options.arguments) && std::env::var_os("ETCD_BIN").is_none() {
        eprintln!("building the server as it is shipped (fat LTO: this takes minutes)");
        command.env("ETCD_BIN", cargo::build_binary("etcd-server", "etcd", "release")?);
    }
    // Run where the user is, so that relative paths mean what they seem to.
    command.current_dir(std::env::current_dir()?);
    let status = command.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the load client will start a cluster of ours, and was not told of which server.
fn needs_server(arguments: &[String]) -> bool {
    let is = |word: &String, name: &str| word == name || word.starts_with(&format!("{name}="));
    let names = ["--endpoints", "--binary", "--help", "-h", "help"];
    !arguments.is_empty() && !arguments.iter().any(|word| names.iter().any(|name| is(word, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_built_only_when_one_is_started() {
        let needs =
            |line: &str| needs_server(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert!(needs("put --clients 10"));
        assert!(needs("put --against /usr/bin/etcd"));
        for line in [
            "",
            "--help",
            "put -h",
            "help put",
            "put --endpoints 127.0.0.1:1",
            "put --endpoints=h:1",
            "put --binary x",
        ] {
            assert!(!needs(line), "{line}");
        }
    }
}
