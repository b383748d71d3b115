//! `cargo xtask bench`: builds and runs the load client, a crate of its own because it compiles a gRPC client.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::cargo;

/// Measure a cluster, alone or against another etcd; `cargo xtask bench -- --help` shows everything.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Use this server instead of building one [default: $ETCD_BIN]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// What to measure, and how: passed on to the load client
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut command = cargo::cargo(&["run", "--release", "--package", "etcd-bench", "--"]);
    command.args(&options.arguments);
    if needs_server(&options.arguments) {
        let named = options.binary.clone().or_else(|| std::env::var_os("ETCD_BIN").map(PathBuf::from));
        let binary = match named {
            Some(path) => std::path::absolute(&path).unwrap_or(path),
            None => {
                eprintln!("building the server as it is shipped (fat LTO: this takes minutes)");
                cargo::build_binary("etcd-server", "etcd", "release")?
            }
        };
        command.env("ETCD_BIN", binary);
    }
    // The load client is run here, so that relative paths mean what the user thinks.
    command.current_dir(std::env::current_dir()?);
    let status = command.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the load client will start a cluster of ours.
fn needs_server(arguments: &[String]) -> bool {
    let is = |word: &String, name: &str| word == name || word.starts_with(&format!("{name}="));
    !arguments.is_empty()
        && !arguments
            .iter()
            .any(|word| is(word, "--endpoints") || is(word, "--help") || word == "-h" || word == "help")
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
        for line in ["", "--help", "put -h", "help put", "put --endpoints 127.0.0.1:1", "put --endpoints=h:1"]
        {
            assert!(!needs(line), "{line}");
        }
    }
}
