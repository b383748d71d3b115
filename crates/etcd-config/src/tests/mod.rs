//! Tables for every rule; each runs the whole way from arguments to configuration.

mod defaults;
mod random;
mod sources;
mod table;
mod validation;

use std::io;

use crate::{Config, Failure, Invocation, Notice, parse_with};

fn run(argv: &[&str], env: &[(&str, &str)], file: Option<&str>) -> Result<Invocation, Failure> {
    let argv = argv.iter().map(|&argument| argument.into());
    let env = env.iter().map(|&(name, value)| (name.into(), value.into()));
    parse_with(argv, env, |_| file.map(str::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into()))
}

fn accept(argv: &[&str], env: &[(&str, &str)]) -> (Config, Vec<Notice>) {
    match run(argv, env, None) {
        Ok(Invocation::Run(config, notices)) => (*config, notices),
        other => panic!("{argv:?} {env:?}: {other:?}"),
    }
}

fn accept_file(yaml: &str) -> (Config, Vec<Notice>) {
    match run(&["--config-file=x"], &[], Some(yaml)) {
        Ok(Invocation::Run(config, notices)) => (*config, notices),
        other => panic!("{yaml}: {other:?}"),
    }
}

fn refuse(argv: &[&str], env: &[(&str, &str)]) -> Failure {
    run(argv, env, None).expect_err("it must be refused")
}

fn refuse_file(yaml: &str) -> Failure {
    run(&["--config-file=x"], &[], Some(yaml)).expect_err("it must be refused")
}
