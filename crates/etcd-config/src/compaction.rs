//! What `--auto-compaction-mode` and `--auto-compaction-retention` mean together.

use std::time::Duration;

use crate::config::Config;
use crate::duration;

/// Which history is kept when the cluster compacts by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoCompaction {
    /// All of it.
    Off,
    /// That of the last hours or minutes.
    Periodic(Duration),
    /// That of so many revisions.
    Revisions(i64),
}

impl Config {
    /// Which history is kept.
    ///
    /// # Errors
    /// etcd's words about a retention that is none.
    ///
    /// # Source
    /// etcd `server/embed/etcd.go`, `parseCompactionRetention`.
    pub fn auto_compaction(&self) -> Result<AutoCompaction, String> {
        parse(&self.auto_compaction_mode, &self.auto_compaction_retention)
    }
}

fn parse(mode: &str, retention: &str) -> Result<AutoCompaction, String> {
    const HOUR: u64 = 3600;
    let bad = || format!("error parsing CompactionRetention: time: invalid duration {retention:?}");
    let number = retention.parse::<i64>().ok().filter(|number| *number >= 0);
    match (mode, number) {
        (_, Some(0)) => Ok(AutoCompaction::Off),
        ("revision", Some(revisions)) => Ok(AutoCompaction::Revisions(revisions)),
        // etcd would take the nanoseconds of a duration for revisions.
        ("revision", None) => Err(format!(
            "--auto-compaction-retention {retention:?} must be a number of revisions with --auto-compaction-mode 'revision'"
        )),
        (_, Some(hours)) => {
            let seconds = hours.cast_unsigned().checked_mul(HOUR).ok_or_else(bad)?;
            Ok(AutoCompaction::Periodic(Duration::from_secs(seconds)))
        }
        (_, None) => match duration::parse(retention).ok_or_else(bad)? {
            Duration::ZERO => Ok(AutoCompaction::Off),
            period => Ok(AutoCompaction::Periodic(period)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_hours_or_revisions() {
        let periodic = |seconds| Ok(AutoCompaction::Periodic(Duration::from_secs(seconds)));
        for (mode, retention, want) in [
            ("periodic", "0", Ok(AutoCompaction::Off)),
            ("revision", "0", Ok(AutoCompaction::Off)),
            ("periodic", "0s", Ok(AutoCompaction::Off)),
            ("periodic", "1", periodic(3600)),
            ("periodic", "5m", periodic(300)),
            ("periodic", "1h30m", periodic(5400)),
            ("revision", "1000", Ok(AutoCompaction::Revisions(1000))),
            ("periodic", "x", Err("error parsing CompactionRetention: time: invalid duration \"x\"")),
            ("periodic", "-1", Err("error parsing CompactionRetention: time: invalid duration \"-1\"")),
            (
                "revision",
                "5m",
                Err(
                    "--auto-compaction-retention \"5m\" must be a number of revisions with --auto-compaction-mode 'revision'",
                ),
            ),
        ] {
            assert_eq!(parse(mode, retention), want.map_err(str::to_owned), "{mode} {retention}");
        }
    }
}
