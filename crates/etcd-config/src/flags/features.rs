//! Flags about checks and tuning, dangerous ones, and the general ones.

use super::spec::FlagSpec;
use super::spec::Kind::{Bool, Duration, Int, Text};

const fn flag(name: &'static str, kind: super::Kind, default: &'static str, help: &'static str) -> FlagSpec {
    FlagSpec::new(name, kind, default, help)
}

pub(super) const FLAGS: &[FlagSpec] = &[
    flag(
        "corrupt-check-time",
        Duration,
        "0s",
        "Time between two checks that all members hold the same data; 0 is never.",
    ),
    flag("compact-hash-check-time", Duration, "1m", "Time between two comparisons of compaction hashes."),
    flag(
        "compaction-batch-limit",
        Int,
        "0",
        "Most revisions that a compaction deletes at a time; 0 means 1000.",
    ),
    flag(
        "compaction-sleep-interval",
        Duration,
        "0s",
        "Pause between two batches of a compaction; 0 means 10ms.",
    ),
    flag(
        "watch-progress-notify-interval",
        Duration,
        "0s",
        "Time between two progress notifications of a watch; 0 means 10m.",
    ),
    flag("downgrade-check-time", Duration, "5s", "Time between two checks of a running downgrade."),
    flag("warning-apply-duration", Duration, "100ms", "Warn of entries that take longer to apply."),
];

pub(super) const UNSAFE: &[FlagSpec] = &[
    flag("force-new-cluster", Bool, "false", "Make a cluster of this member alone out of its data."),
    flag("unsafe-no-fsync", Bool, "false", "Never wait for the disk: a crash loses data."),
];

pub(super) const GENERAL: &[FlagSpec] = &[
    flag(
        "config-file",
        Text,
        "",
        "YAML or JSON file with the whole configuration; all other flags and variables are then ignored.",
    )
    .no_yaml(),
    flag("version", Bool, "false", "Print the version and exit.").no_yaml(),
];
