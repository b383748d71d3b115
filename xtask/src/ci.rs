//! `cargo xtask ci`: what a change must pass before it is merged.

use std::process::{Command, ExitCode, Stdio};

use anyhow::bail;
use clap::Args;

use crate::steps::{Steps, check};
use crate::{cargo, tidy};

/// All checks, in the order of how soon they fail.
const STEPS: [&str; 7] = ["fmt", "tidy", "codegen", "deny", "clippy", "doc", "test"];

/// Everything that a change must pass: formatting, layout, generated code, licences, lints, docs, tests.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run only this step; may be given more than once
    #[arg(long, value_name = "STEP", value_parser = STEPS)]
    only: Vec<String>,
    /// Leave out this step; may be given more than once
    #[arg(long, value_name = "STEP", value_parser = STEPS)]
    skip: Vec<String>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut steps = Steps::default();
    for name in selected(options) {
        match name {
            "fmt" => steps.run(name, || check(cargo::cargo(&["fmt", "--all", "--check"]))),
            "tidy" => steps.run(name, tidy::check_workspace),
            "codegen" => steps.run(name, || check(codegen(true))),
            "deny" => steps.run(name, deny),
            "clippy" => steps.run(name, || {
                let words = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
                check(with_protoc(&words)?)
            }),
            "doc" => steps.run(name, || {
                let mut command = with_protoc(&["doc", "--workspace", "--no-deps"])?;
                command.env("RUSTDOCFLAGS", "-D warnings");
                check(command)
            }),
            _ => {
                crate::test::add_to(&mut steps);
                true
            }
        };
    }
    Ok(steps.finish())
}

/// `cargo run -p xtask-codegen`, a program of its own because it compiles a protobuf compiler.
pub(crate) fn codegen(check: bool) -> Command {
    let mut command =
        cargo::cargo(&["run", "--quiet", "--package", "xtask-codegen", "--bin", "xtask-codegen", "--"]);
    if check {
        command.arg("--check");
    }
    command
}

fn selected(options: &Options) -> impl Iterator<Item = &'static str> {
    let wanted = |name: &&str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let left_out = |name: &&str| options.skip.iter().any(|skip| skip == name);
    STEPS.into_iter().filter(move |name| wanted(name) && !left_out(name))
}

fn with_protoc(words: &[&str]) -> anyhow::Result<Command> {
    let (name, path) = crate::test::protoc()?;
    let mut command = cargo::cargo(words);
    command.env(name, path);
    Ok(command)
}

fn deny() -> anyhow::Result<()> {
    let mut version = cargo::cargo(&["deny", "--version"]);
    version.stdout(Stdio::null()).stderr(Stdio::null());
    if !version.status().is_ok_and(|status| status.success()) {
        bail!("cargo-deny is not installed; install it: cargo install --locked cargo-deny");
    }
    check(cargo::cargo(&["deny", "--workspace", "check", "bans", "licenses", "sources"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_can_be_chosen_and_left_out() {
        let names = |only: &[&str], skip: &[&str]| {
            let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
            selected(&Options { only: words(only), skip: words(skip) }).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&[], &[]), "fmt tidy codegen deny clippy doc test");
        assert_eq!(names(&["test", "fmt"], &[]), "fmt test");
        assert_eq!(names(&[], &["test", "deny"]), "fmt tidy codegen clippy doc");
    }
}
