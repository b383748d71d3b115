//! The texts of `--help` and `--version`.

use std::fmt::Write as _;

use crate::flags::{Kind, SECTIONS};
use crate::support::UNSUPPORTED;

/// Printed after a mistake in the arguments.
pub const USAGE: &str = "Usage:

  etcd [flags]
    Run a member.

  etcd --config-file <path>
    Run a member that is configured by a YAML or JSON file alone.

  etcd --version
    Print the version.

  etcd -h | --help
    Print all flags.
";

/// Every flag with its default and a line about it, by section.
pub fn help() -> String {
    let mut text = String::from(USAGE);
    text.push_str(
        "\nEvery flag is also an environment variable (--initial-cluster is ETCD_INITIAL_CLUSTER) and a key of the\n\
         configuration file. Setting one both as a flag and as a variable is an error.\n\
         Durations are written like 100ms or 1h30m; in the file they are numbers of nanoseconds.\n",
    );
    for section in SECTIONS {
        let _ = write!(text, "\n{}:\n", section.title);
        for flag in section.flags {
            let default =
                if flag.kind == Kind::Ignored { String::new() } else { format!(" '{}'", flag.default) };
            let missing = UNSUPPORTED.iter().any(|(name, _)| *name == flag.name);
            let note = if missing { " Not available in this version yet." } else { "" };
            let _ = writeln!(text, "  --{}{default}\n    {}{note}", flag.name, flag.help);
        }
    }
    text
}

/// What `--version` tells.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'a> {
    /// The API level, as clients see it: `3.7.0`.
    pub etcd: &'a str,
    /// The version of this program.
    pub own: &'a str,
    /// The commit it was built from.
    pub commit: &'a str,
    /// The compiler: `rustc 1.95.0`.
    pub compiler: &'a str,
    /// Where it runs: `linux/x86_64`.
    pub platform: &'a str,
}

/// The text of `--version`; the first line is the one that scripts look for.
pub fn version(versions: Versions<'_>) -> String {
    format!(
        "etcd Version: {}\netcd-rs Version: {}\nGit SHA: {}\nRust Version: {}\nRust OS/Arch: {}\n",
        versions.etcd, versions.own, versions.commit, versions.compiler, versions.platform
    )
}
