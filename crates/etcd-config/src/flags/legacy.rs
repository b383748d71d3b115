//! Flags of older releases: under another name now, without effect, or gone.

use super::spec::FlagSpec;
use super::spec::Kind::{Bool, Choice, Duration, Ignored, Int, Set, Text, Uint};

const fn flag(name: &'static str, kind: super::Kind, default: &'static str, help: &'static str) -> FlagSpec {
    FlagSpec::new(name, kind, default, help)
}

const fn ignored(name: &'static str) -> FlagSpec {
    flag(name, Ignored, "", "Of etcd 0.4 or its tests; ignored.").no_yaml()
}

/// Old name, new name.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("experimental-backend-bbolt-freelist-type", "backend-bbolt-freelist-type"),
    ("experimental-bootstrap-defrag-threshold-megabytes", "bootstrap-defrag-threshold-megabytes"),
    ("experimental-compact-hash-check-time", "compact-hash-check-time"),
    ("experimental-compaction-batch-limit", "compaction-batch-limit"),
    ("experimental-compaction-sleep-interval", "compaction-sleep-interval"),
    ("experimental-corrupt-check-time", "corrupt-check-time"),
    ("experimental-distributed-tracing-address", "distributed-tracing-address"),
    ("experimental-distributed-tracing-instance-id", "distributed-tracing-instance-id"),
    ("experimental-distributed-tracing-sampling-rate", "distributed-tracing-sampling-rate"),
    ("experimental-distributed-tracing-service-name", "distributed-tracing-service-name"),
    ("experimental-downgrade-check-time", "downgrade-check-time"),
    ("experimental-enable-distributed-tracing", "enable-distributed-tracing"),
    ("experimental-memory-mlock", "memory-mlock"),
    ("experimental-peer-skip-client-san-verification", "peer-skip-client-san-verification"),
    ("experimental-snapshot-catchup-entries", "snapshot-catchup-entries"),
    ("experimental-warning-apply-duration", "warning-apply-duration"),
    ("experimental-warning-unary-request-duration", "warning-unary-request-duration"),
    ("experimental-watch-progress-notify-interval", "watch-progress-notify-interval"),
    ("log-output", "log-outputs"),
];

/// Old name, feature gate that replaces it.
pub(crate) const GATES: &[(&str, &str)] = &[
    ("experimental-compact-hash-check-enabled", "CompactHashCheck"),
    ("experimental-enable-lease-checkpoint", "LeaseCheckpoint"),
    ("experimental-enable-lease-checkpoint-persist", "LeaseCheckpointPersist"),
    ("experimental-initial-corrupt-check", "InitialCorruptCheck"),
    ("experimental-stop-grpc-service-on-defrag", "StopGRPCServiceOnDefrag"),
    ("experimental-txn-mode-write-with-shared-buffer", "TxnModeWriteWithSharedBuffer"),
];

pub(super) const PROXY: &[FlagSpec] = &[
    flag("proxy", Choice(&["off", "readonly", "on"]), "off", "Run as a v2 proxy; only 'off'."),
    flag("proxy-failure-wait", Uint, "5000", "Milliseconds to leave out a failed endpoint."),
    flag("proxy-refresh-interval", Uint, "30000", "Milliseconds between two refreshes of the endpoints."),
    flag("proxy-dial-timeout", Uint, "1000", "Milliseconds to connect."),
    flag("proxy-write-timeout", Uint, "5000", "Milliseconds to write."),
    flag("proxy-read-timeout", Uint, "0", "Milliseconds to read; 0 is no limit."),
    flag("experimental-enable-v2v3", Text, "", "Prefix under which v3 would hold emulated v2 keys."),
];

pub(super) const DEPRECATED: &[FlagSpec] = &[
    flag("experimental-backend-bbolt-freelist-type", Text, "map", "Now --backend-bbolt-freelist-type."),
    flag(
        "experimental-bootstrap-defrag-threshold-megabytes",
        Uint,
        "0",
        "Now --bootstrap-defrag-threshold-megabytes.",
    ),
    flag(
        "experimental-compact-hash-check-enabled",
        Bool,
        "false",
        "Now --feature-gates=CompactHashCheck=true.",
    ),
    flag("experimental-compact-hash-check-time", Duration, "1m", "Now --compact-hash-check-time."),
    flag("experimental-compaction-batch-limit", Int, "0", "Now --compaction-batch-limit."),
    flag("experimental-compaction-sleep-interval", Duration, "0s", "Now --compaction-sleep-interval."),
    flag("experimental-corrupt-check-time", Duration, "0s", "Now --corrupt-check-time."),
    flag(
        "experimental-distributed-tracing-address",
        Text,
        "localhost:4317",
        "Now --distributed-tracing-address.",
    ),
    flag("experimental-distributed-tracing-instance-id", Text, "", "Now --distributed-tracing-instance-id."),
    flag(
        "experimental-distributed-tracing-sampling-rate",
        Int,
        "0",
        "Now --distributed-tracing-sampling-rate.",
    ),
    flag(
        "experimental-distributed-tracing-service-name",
        Text,
        "etcd",
        "Now --distributed-tracing-service-name.",
    ),
    flag("experimental-downgrade-check-time", Duration, "5s", "Now --downgrade-check-time."),
    flag("experimental-enable-distributed-tracing", Bool, "false", "Now --enable-distributed-tracing."),
    flag("experimental-enable-lease-checkpoint", Bool, "false", "Now --feature-gates=LeaseCheckpoint=true."),
    flag(
        "experimental-enable-lease-checkpoint-persist",
        Bool,
        "false",
        "Now --feature-gates=LeaseCheckpointPersist=true.",
    ),
    flag(
        "experimental-initial-corrupt-check",
        Bool,
        "false",
        "Now --feature-gates=InitialCorruptCheck=true.",
    ),
    flag("experimental-memory-mlock", Bool, "false", "Now --memory-mlock."),
    flag(
        "experimental-peer-skip-client-san-verification",
        Bool,
        "false",
        "Now --peer-skip-client-san-verification.",
    ),
    flag("experimental-snapshot-catchup-entries", Uint, "5000", "Now --snapshot-catchup-entries.")
        .yaml("experimental-snapshot-catch-up-entries"),
    flag(
        "experimental-stop-grpc-service-on-defrag",
        Bool,
        "false",
        "Now --feature-gates=StopGRPCServiceOnDefrag=true.",
    ),
    flag(
        "experimental-txn-mode-write-with-shared-buffer",
        Bool,
        "true",
        "Now --feature-gates=TxnModeWriteWithSharedBuffer=true.",
    ),
    flag("experimental-warning-apply-duration", Duration, "100ms", "Now --warning-apply-duration."),
    flag(
        "experimental-warning-unary-request-duration",
        Duration,
        "300ms",
        "Now --warning-unary-request-duration.",
    ),
    flag(
        "experimental-watch-progress-notify-interval",
        Duration,
        "0s",
        "Now --watch-progress-notify-interval.",
    ),
    flag("debug", Bool, "false", "Now --log-level=debug."),
    flag("log-output", Set, "default", "Now --log-outputs."),
    flag("log-package-levels", Text, "", "Levels of single packages of Go; without effect."),
    flag("next-cluster-version-compatible", Bool, "false", "For an upgrade from 3.4; without effect."),
];

pub(super) const IGNORED: &[FlagSpec] = &[
    ignored("cluster-active-size"),
    ignored("cluster-remove-delay"),
    ignored("cluster-sync-interval"),
    ignored("config"),
    ignored("force"),
    ignored("max-result-buffer"),
    ignored("max-retry-attempts"),
    ignored("peer-heartbeat-interval"),
    ignored("peer-election-timeout"),
    ignored("retry-interval"),
    ignored("snapshot"),
    ignored("v"),
    ignored("vv"),
    ignored("test.coverprofile"),
    ignored("test.outputdir"),
];
