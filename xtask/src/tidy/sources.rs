//! What every source file must have and must not have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Problem;
use super::packages::Package;

const LONG: usize = 400;

/// What marks the pause of a loop that waits for a state, in the one line where a test may sleep.
const PAUSE: &str = "// between two looks";

/// Where a thread or task may sleep in test code without a mark, and why.
const SLEEP_ALLOWED: [(&str, &str); 1] =
    [("tests/testkit/src/wait.rs", "the one wait that all tests use: it polls a state until a deadline")];

pub(super) fn check(root: &Path, packages: &[Package]) -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for package in packages {
        let mut files = Vec::new();
        for part in ["src", "tests", "examples", "benches"] {
            collect(&package.directory().join(part), &mut files)?;
        }
        for path in files {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            problems.extend(check_file(&name, &text));
        }
    }
    Ok(problems)
}

/// Rust files below `directory` that people wrote; other packages' directories are not entered.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "generated") && !path.join("Cargo.toml").exists() {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn check_file(name: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_test_module =
        name.ends_with("/tests.rs") || name.contains("/src/tests/") || name.contains("/tests/");
    if !is_test_module && !starts_with_header(text) {
        problems.push(Problem::new(name, 1, "does not begin with a `//!` line that says what it is"));
    }
    let length = text.lines().count();
    if length > LONG {
        problems.push(Problem::warning(
            name,
            LONG + 1,
            format!("{length} lines; more than {LONG} are hard to read"),
        ));
    }
    let mut in_tests = is_test_module || name.starts_with("tests/");
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        in_tests |= code.starts_with("#[cfg(test)]") && text.lines().nth(index + 1).is_some_and(opens_module);
        if code.starts_with("#[ignore") {
            problems.push(Problem::new(name, index + 1, "an ignored test: fix it or remove it"));
        }
        let allowed = SLEEP_ALLOWED.iter().any(|(file, _)| *file == name);
        if in_tests && !allowed && sleeps(code) && !code.ends_with(PAUSE) {
            let text = "sleeps in a test: wait for a state with a deadline instead";
            problems.push(Problem::new(name, index + 1, text));
        }
    }
    problems
}

/// Whether the first line that is not empty, an attribute or a comment of another kind is a `//!` line.
fn starts_with_header(text: &str) -> bool {
    text.lines().map(str::trim).find(|line| !line.is_empty()).is_some_and(|line| line.starts_with("//!"))
}

fn opens_module(line: &str) -> bool {
    let line = line.trim();
    line.contains("mod ") && line.ends_with('{')
}

fn sleeps(code: &str) -> bool {
    !code.starts_with("//") && (code.contains("thread::sleep(") || code.contains("time::sleep("))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        check_file(name, text).iter().map(ToString::to_string).collect()
    }

    // Written in pieces, so that these texts are not found here themselves.
    const SLEEP: &str = concat!("std::thread::", "sleep(x);\n");
    const IGNORE: &str = concat!("#[", "ignore]\n");

    #[test]
    fn headers() {
        assert_eq!(found("a/src/lib.rs", "//! What it is.\nmod x;\n"), [""; 0]);
        assert_eq!(found("a/src/lib.rs", "\n//! What it is.\n"), [""; 0]);
        assert_eq!(
            found("a/src/lib.rs", "mod x;\n"),
            ["a/src/lib.rs:1: does not begin with a `//!` line that says what it is"]
        );
        assert_eq!(found("a/src/lib.rs", "").len(), 1);
        assert_eq!(found("a/src/x/tests.rs", "use super::*;\n"), [""; 0], "tests need none");
    }

    #[test]
    fn sleeping_is_for_programs_not_for_tests() {
        let module = "//! x\n#[cfg(test)]\nmod tests {\n";
        assert_eq!(found("a/src/x.rs", &format!("//! x\n{SLEEP}")), [""; 0]);
        assert_eq!(
            found("a/src/x.rs", &format!("{module}{SLEEP}}}\n")),
            ["a/src/x.rs:4: sleeps in a test: wait for a state with a deadline instead"]
        );
        let paused = format!("{module}{} {PAUSE}\n}}\n", SLEEP.trim_end());
        assert_eq!(found("a/src/x.rs", &paused), [""; 0]);
        assert_eq!(found("tests/it/src/kill.rs", &format!("//! x\n{SLEEP}")).len(), 1);
        assert_eq!(found("tests/testkit/src/wait.rs", &format!("//! x\n{SLEEP}")), [""; 0]);
        assert_eq!(found("a/src/x.rs", &format!("//! x\n#[cfg(test)]\nmod tests;\n{SLEEP}")), [""; 0]);
    }

    #[test]
    fn ignored_tests_and_long_files() {
        assert_eq!(
            found("a/src/x.rs", &format!("//! x\n{IGNORE}")),
            ["a/src/x.rs:2: an ignored test: fix it or remove it"]
        );
        let long = check_file("a/src/x.rs", &"//! x\n".repeat(LONG + 1));
        assert!(long.len() == 1 && long[0].warning, "{long:?}");
    }
}
