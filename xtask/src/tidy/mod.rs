//! `cargo xtask tidy`: rules of layout that no lint knows, all problems at once.

mod floors;
mod manifests;
mod packages;
mod sources;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use self::packages::Package;
use crate::{cargo, paths};

/// Something that is not as it should be, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    /// Relative to the workspace.
    file: String,
    line: usize,
    /// A warning is shown, and fails nothing.
    warning: bool,
    text: String,
}

impl Problem {
    fn new(file: impl Into<String>, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.into(), line, warning: false, text: text.into() }
    }

    fn warning(file: impl Into<String>, line: usize, text: impl Into<String>) -> Self {
        Self { warning: true, ..Self::new(file, line, text) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.warning { "warning: " } else { "" };
        write!(f, "{}:{}: {severity}{}", self.file, self.line, self.text)
    }
}

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    check_workspace()?;
    println!("tidy");
    Ok(ExitCode::SUCCESS)
}

/// Prints every problem; fails when one of them is more than a warning.
pub(crate) fn check_workspace() -> anyhow::Result<()> {
    let packages = packages::parse(&cargo::metadata()?)?;
    let problems = problems(&paths::root(), &packages)?;
    for problem in &problems {
        println!("{problem}");
    }
    match problems.iter().filter(|problem| !problem.warning).count() {
        0 => Ok(()),
        1 => bail!("1 problem"),
        count => bail!("{count} problems"),
    }
}

fn problems(root: &Path, packages: &[Package]) -> anyhow::Result<Vec<Problem>> {
    let mut problems = floors::check(packages);
    problems.extend(manifests::check(packages)?);
    problems.extend(sources::check(root, packages)?);
    problems.sort();
    Ok(problems)
}
