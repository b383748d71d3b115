//! Flags about logs, metrics and traces.

use super::spec::FlagSpec;
use super::spec::Kind::{Bool, Checked, Duration, Int, Set, Text, Urls};

const fn flag(name: &'static str, kind: super::Kind, default: &'static str, help: &'static str) -> FlagSpec {
    FlagSpec::new(name, kind, default, help)
}

pub(super) const FLAGS: &[FlagSpec] = &[
    flag("enable-pprof", Bool, "false", "Serve profiles at /debug/pprof/."),
    flag("metrics", Text, "basic", "'basic' or 'extensive' metrics."),
    flag("listen-metrics-urls", Urls, "", "Where else to serve /metrics and /health."),
];

pub(super) const LOGGING: &[FlagSpec] = &[
    flag("logger", Checked(&["zap", "capnslog"]), "zap", "Kind of log; only 'zap', structured."),
    flag("log-outputs", Set, "default", "Where logs go: default, stderr, stdout or file paths."),
    flag(
        "log-level",
        Checked(&["debug", "info", "warn", "error", "dpanic", "panic", "fatal"]),
        "info",
        "Least severe lines to log: debug, info, warn, error, panic or fatal.",
    ),
    flag("log-format", Checked(&["json", "console"]), "json", "Form of a log line: json or console."),
    flag("enable-log-rotation", Bool, "false", "Rotate the one log file of --log-outputs."),
    flag(
        "log-rotation-config-json",
        Text,
        r#"{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}"#,
        "How to rotate: megabytes, days, files, local time, compression.",
    ),
    flag("warning-unary-request-duration", Duration, "300ms", "Warn of requests that take longer."),
];

pub(super) const TRACING: &[FlagSpec] = &[
    flag("enable-distributed-tracing", Bool, "false", "Send traces to an OpenTelemetry collector."),
    flag("distributed-tracing-address", Text, "localhost:4317", "Address of the collector."),
    flag(
        "distributed-tracing-service-name",
        Text,
        "etcd",
        "Service name in traces; the same for all members.",
    ),
    flag("distributed-tracing-instance-id", Text, "", "Instance id in traces; different for each member."),
    flag("distributed-tracing-sampling-rate", Int, "0", "Traces to keep of a million."),
];
