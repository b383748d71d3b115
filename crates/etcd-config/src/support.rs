//! What this version does not do yet, and what it will never need to do.
//!
//! A flag in [`UNSUPPORTED`] stops the start when it is set to anything but its default. To support it, delete its
//! line.

use crate::config::Config;
use crate::{flags, gates};

/// Flag, what to do instead.
pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    ("memory-mlock", "leave it out, and turn swap off on the host"),
    ("enable-pprof", "leave it out, and use a profiler of the system, such as perf"),
    ("force-new-cluster", "leave it out"),
    ("proxy", "point clients at the members: etcd 3.6 has no v2 proxy either"),
    ("experimental-enable-v2v3", "leave it out: etcd 3.6 has no such emulation either"),
];

/// Flag, why setting it changes nothing. These are accepted, so that old start scripts work.
pub(crate) const NO_EFFECT: &[(&str, &str)] = &[
    ("backend-bbolt-freelist-type", "the database is not bbolt and has no such free list"),
    (
        "max-snapshots",
        "there are no snapshot files to keep; it is deprecated in 3.6 and will be decommissioned in 3.8",
    ),
    ("v2-deprecation", "it is deprecated and scheduled for removal in v3.8"),
    ("client-cert-file", "JSON is served without a connection to the own client port"),
    ("client-key-file", "JSON is served without a connection to the own client port"),
    ("logger", "the log is always structured"),
    ("log-package-levels", "there are no levels of single packages; use --log-level"),
    ("next-cluster-version-compatible", "it was for upgrades from 3.4 to 3.5"),
    ("proxy-failure-wait", "there is no v2 proxy"),
    ("proxy-refresh-interval", "there is no v2 proxy"),
    ("proxy-dial-timeout", "there is no v2 proxy"),
    ("proxy-write-timeout", "there is no v2 proxy"),
    ("proxy-read-timeout", "there is no v2 proxy"),
];

/// One line for each setting that would be silently wrong; `differs` tells whether a flag is not at its default.
pub(crate) fn unsupported(config: &Config, differs: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines: Vec<String> = UNSUPPORTED
        .iter()
        .filter(|(flag, _)| differs(flag))
        .map(|(flag, instead)| format!("--{flag}: not available in this version yet; {instead}"))
        .collect();
    if config.log_outputs.iter().any(|output| output == "systemd/journal") {
        lines.push(
            "--log-outputs: systemd/journal is not available in this version yet; use default, which systemd \
             takes into the journal"
                .to_owned(),
        );
    }
    let changed = gates::parse(&config.feature_gates).map(|gates| gates::changed(&gates)).unwrap_or_default();
    let missing = changed.into_iter().filter(|(gate, _)| !gates::SUPPORTED.contains(gate));
    lines.extend(missing.map(|(gate, value)| {
        format!("--feature-gates: {gate}={value} is not available in this version yet; leave it out")
    }));
    lines
}

/// One line for each flag that is set and changes nothing.
pub(crate) fn without_effect(is_set: impl Fn(&str) -> bool, differs: impl Fn(&str) -> bool) -> Vec<String> {
    let ignored = flags::all().filter(|flag| flag.kind == flags::Kind::Ignored && is_set(flag.name));
    let ignored = ignored.map(|flag| format!("flag --{} is no longer supported - ignoring", flag.name));
    let without = NO_EFFECT.iter().filter(|(flag, _)| differs(flag));
    ignored.chain(without.map(|(flag, why)| format!("--{flag} has no effect: {why}"))).collect()
}
