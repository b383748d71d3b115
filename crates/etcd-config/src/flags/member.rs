//! Flags about the member itself: names, directories, listeners, limits.

use super::spec::FlagSpec;
use super::spec::Kind::{Bool, Checked, Duration, Int, Text, Uint, Uint32, Urls};

const fn flag(name: &'static str, kind: super::Kind, default: &'static str, help: &'static str) -> FlagSpec {
    FlagSpec::new(name, kind, default, help)
}

pub(super) const FLAGS: &[FlagSpec] = &[
    flag("name", Text, "default", "Name of this member; a key of --initial-cluster."),
    flag("data-dir", Text, "", "Directory for all data; ${name}.etcd when empty."),
    flag("wal-dir", Text, "", "Directory for the log alone; <data-dir>/member/wal when empty."),
    flag("snapshot-count", Uint, "10000", "Applied entries between two compactions of the Raft log."),
    flag(
        "snapshot-catchup-entries",
        Uint,
        "5000",
        "Entries kept for slow followers when the Raft log is compacted.",
    ),
    flag("heartbeat-interval", Uint, "100", "Milliseconds between two heartbeats of the leader."),
    flag(
        "election-timeout",
        Uint,
        "1000",
        "Milliseconds without a leader before an election starts; at least 5 heartbeats.",
    ),
    flag("initial-election-tick-advance", Bool, "true", "Shorten the first election after a start."),
    flag(
        "listen-peer-urls",
        Urls,
        "http://localhost:2380",
        "Where to listen for other members: IP addresses or localhost.",
    ),
    flag(
        "listen-client-urls",
        Urls,
        "http://localhost:2379",
        "Where to listen for clients; needs --advertise-client-urls when set.",
    ),
    flag(
        "listen-client-http-urls",
        Urls,
        "",
        "Where to listen for HTTP alone; --listen-client-urls then serves gRPC alone.",
    ),
    flag("max-snapshots", Uint, "5", "Snapshot files to keep. Deprecated: there are no snapshot files here."),
    flag("max-wals", Uint, "5", "Log files to keep; 0 keeps all."),
    flag("memory-mlock", Bool, "false", "Keep the member's memory out of swap."),
    flag(
        "quota-backend-bytes",
        Int,
        "0",
        "Largest size of the database; 0 means 2 GiB, a negative number no limit.",
    ),
    flag(
        "backend-bbolt-freelist-type",
        Text,
        "map",
        "Free list of bbolt. Accepted for old start scripts: there is no bbolt here.",
    ),
    flag(
        "backend-batch-interval",
        Duration,
        "0s",
        "Longest time until a change is committed to the database; 0 means 100ms.",
    ),
    flag("backend-batch-limit", Int, "0", "Most changes in one commit of the database; 0 means 10000."),
    flag("max-txn-ops", Uint, "128", "Most operations in one transaction."),
    flag("max-request-bytes", Uint, "1572864", "Largest request of a client, in bytes."),
    flag(
        "max-concurrent-streams",
        Uint32,
        "4294967295",
        "Most streams that a client may have open on one connection.",
    ),
    flag("grpc-keepalive-min-time", Duration, "5s", "Shortest time between two pings of a client."),
    flag("grpc-keepalive-interval", Duration, "2h", "Time between two pings to a client; 0 turns them off."),
    flag(
        "grpc-keepalive-timeout",
        Duration,
        "20s",
        "Time to wait for the answer to a ping before the connection is closed.",
    ),
    flag("socket-reuse-port", Bool, "false", "Let several processes listen on one port (SO_REUSEPORT).")
        .yaml("socket-options.reuse-port"),
    flag(
        "socket-reuse-address",
        Bool,
        "false",
        "Listen on an address that still has old connections (SO_REUSEADDR).",
    )
    .yaml("socket-options.reuse-address"),
    flag("enable-grpc-gateway", Bool, "true", "Serve the JSON form of the gRPC API at /v3/."),
    flag("raft-read-timeout", Duration, "5s", "Time limit for reading from another member; at least 5s.")
        .no_yaml(),
    flag("raft-write-timeout", Duration, "5s", "Time limit for writing to another member; at least 5s.")
        .no_yaml(),
    flag("feature-gates", Checked(&[]), "", "Features to turn on or off: Name=true,Name=false."),
    flag(
        "bootstrap-defrag-threshold-megabytes",
        Uint,
        "0",
        "Compact the database file at start when that frees so many megabytes; 0 is never.",
    ),
    flag("max-learners", Uint, "1", "Most learners in the cluster."),
];
