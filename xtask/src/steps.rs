//! A list of checks that run one after another, each timed, with a summary at the end.

use std::io::IsTerminal as _;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::table::Table;

/// Runs steps and remembers how they went; a failed one does not keep the others from running.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Done>,
}

#[derive(Debug)]
struct Done {
    name: String,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Runs one step; says whether it went well.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> anyhow::Result<()>) -> bool {
        eprintln!("{}", heading(name));
        let begun = Instant::now();
        let failure = step().err().map(|error| format!("{error:#}"));
        if let Some(failure) = &failure {
            eprintln!("error: {failure}");
        }
        let well = failure.is_none();
        self.done.push(Done { name: name.to_owned(), took: begun.elapsed(), failure });
        well
    }

    /// Prints the summary; success when every step went well.
    pub(crate) fn finish(self) -> ExitCode {
        print!("\n{}", self.summary());
        if self.done.iter().all(|done| done.failure.is_none()) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn summary(&self) -> String {
        let mut table = Table::new(["STEP", "RESULT", "SECONDS", ""]);
        for done in &self.done {
            let result = if done.failure.is_some() { "FAILED" } else { "ok" };
            let first_line = done.failure.iter().flat_map(|text| text.lines()).next().unwrap_or_default();
            let seconds = format!("{:.1}", done.took.as_secs_f64());
            table.row([done.name.clone(), result.to_owned(), seconds, first_line.to_owned()]);
        }
        table.render()
    }
}

/// Runs a command with the terminal as its output; fails unless it exits with 0.
pub(crate) fn check(mut command: Command) -> anyhow::Result<()> {
    let shown = shown(&command);
    let status = command.status().with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn heading(name: &str) -> String {
    if std::io::stderr().is_terminal() {
        format!("\n\x1b[1m==> {name}\x1b[0m")
    } else {
        format!("\n==> {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_kept_and_the_rest_still_runs() {
        let mut steps = Steps::default();
        assert!(!steps.run("first", || bail!("broken\nin two places")));
        assert!(steps.run("second", || Ok(())));
        let summary = steps.summary();
        assert!(summary.contains("first   FAILED  0.0      broken\n"), "{summary}");
        assert!(summary.contains("second  ok      0.0\n"), "{summary}");
        assert_eq!(steps.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn commands_are_named_when_they_fail() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exit 3"]);
        let error = check(command).unwrap_err().to_string();
        assert_eq!(error, "`sh -c exit 3` failed (exit status: 3)");
    }
}
