//! `cargo xtask test`: everything that must pass, with nothing but the Rust toolchain and a C compiler.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use clap::Args;
use serde_json::Value;

use crate::cargo;
use crate::steps::{Steps, check};

/// Everything that must pass, without root and without anything but the Rust toolchain and a C compiler.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Profile of the server that the integration tests start
    #[arg(long, default_value = "dev", value_name = "PROFILE")]
    server_profile: String,
    /// Only tests of this package (no doc tests of the others either)
    #[arg(short, long, value_name = "PACKAGE")]
    package: Option<String>,
    /// Test filters and options, passed on to `cargo nextest run` or `cargo test`
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut steps = Steps::default();
    let mut environment = Vec::new();
    let prepared = steps.run("build what the tests need", || {
        environment = prepare(&options.server_profile)?;
        Ok(())
    });
    if prepared {
        let nextest = has_nextest();
        if !nextest {
            eprintln!("cargo-nextest is not installed; `cargo test` does the same, more slowly");
        }
        let (runner, doc) = commands(options, nextest);
        steps.run(runner_name(nextest), || check(with(&runner, &environment)));
        if options.arguments.is_empty() {
            steps.run("doc tests", || check(with(&doc, &environment)));
        }
    }
    Ok(steps.finish())
}

/// Runs all of it as steps of a longer list.
pub(crate) fn add_to(steps: &mut Steps) {
    let options = Options { server_profile: "dev".into(), package: None, arguments: Vec::new() };
    let mut environment = Vec::new();
    let prepared = steps.run("test: build", || {
        environment = prepare(&options.server_profile)?;
        Ok(())
    });
    if prepared {
        let (runner, doc) = commands(&options, has_nextest());
        steps.run("test", || check(with(&runner, &environment)));
        steps.run("test: doc", || check(with(&doc, &environment)));
    }
}

/// The stand-in for `protoc`, as an environment variable for cargo.
///
/// The build script of the crates.io `etcd-client`, the foreign client of the integration tests, wants a `protoc`.
pub(crate) fn protoc() -> anyhow::Result<(&'static str, PathBuf)> {
    Ok(("PROTOC", cargo::build_binary("xtask-codegen", "xtask-protoc", "dev")?))
}

/// Builds what tests are given through their environment.
fn prepare(server_profile: &str) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let mut environment = vec![protoc()?];
    let named = std::env::var_os("ETCD_BIN").map(PathBuf::from);
    let metadata = cargo::metadata()?;
    let server = match named {
        Some(path) => Some(path),
        None if has_package(&metadata, "etcd-server") => {
            Some(cargo::build_binary("etcd-server", "etcd", server_profile)?)
        }
        None => None,
    };
    environment.extend(server.map(|path| ("ETCD_BIN", path)));
    let service = "etcd-discovery-service";
    if has_package(&metadata, service) {
        environment
            .push(("ETCD_DISCOVERY_SERVICE_BIN", cargo::build_binary(service, service, server_profile)?));
    }
    Ok(environment)
}

fn commands(options: &Options, nextest: bool) -> (Vec<String>, Vec<String>) {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let scope = options.package.as_ref().map_or_else(|| words("--workspace"), |p| words(&format!("-p {p}")));
    let runner = if nextest {
        "nextest run --no-fail-fast --all-targets"
    } else {
        "test --no-fail-fast --all-targets"
    };
    let mut tests = [words(runner), scope.clone()].concat();
    if !options.arguments.is_empty() {
        if !nextest {
            tests.push("--".to_owned());
        }
        tests.extend(options.arguments.iter().cloned());
    }
    (tests, [words("test --doc"), scope].concat())
}

fn with(words: &[String], environment: &[(&str, PathBuf)]) -> Command {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut command = cargo::cargo(&words);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

const fn runner_name(nextest: bool) -> &'static str {
    if nextest { "tests (cargo nextest)" } else { "tests (cargo test)" }
}

fn has_nextest() -> bool {
    let mut command = cargo::cargo(&["nextest", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn has_package(metadata: &Value, name: &str) -> bool {
    metadata["packages"].as_array().into_iter().flatten().any(|package| package["name"] == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(package: Option<&str>, arguments: &[&str]) -> Options {
        Options {
            server_profile: "dev".into(),
            package: package.map(str::to_owned),
            arguments: arguments.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn commands_for_both_runners() {
        let line = |options: &Options, nextest| commands(options, nextest).0.join(" ");
        let all = options(None, &[]);
        assert_eq!(line(&all, true), "nextest run --no-fail-fast --all-targets --workspace");
        assert_eq!(line(&all, false), "test --no-fail-fast --all-targets --workspace");
        let some = options(Some("etcd-wal"), &["repair"]);
        assert_eq!(line(&some, true), "nextest run --no-fail-fast --all-targets -p etcd-wal repair");
        assert_eq!(line(&some, false), "test --no-fail-fast --all-targets -p etcd-wal -- repair");
        assert_eq!(commands(&all, true).1.join(" "), "test --doc --workspace");
    }

    #[test]
    fn packages_are_found_in_metadata() {
        let metadata = serde_json::json!({"packages": [{"name": "etcd-server"}]});
        assert!(has_package(&metadata, "etcd-server"));
        assert!(!has_package(&metadata, "etcd"));
    }
}
