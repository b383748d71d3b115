//! Flags about the cluster: how it is found, and how members work together.

use super::spec::FlagSpec;
use super::spec::Kind::{Bool, Checked, Choice, Duration, Set, Text, Urls};

const fn flag(name: &'static str, kind: super::Kind, default: &'static str, help: &'static str) -> FlagSpec {
    FlagSpec::new(name, kind, default, help)
}

pub(super) const FLAGS: &[FlagSpec] = &[
    flag(
        "initial-advertise-peer-urls",
        Urls,
        "http://localhost:2380",
        "Where other members reach this one; as in --initial-cluster.",
    ),
    flag(
        "initial-cluster",
        Text,
        "default=http://localhost:2380",
        "All members of a new cluster: name=url,name=url; a name may come several times.",
    ),
    flag(
        "initial-cluster-state",
        Choice(&["new", "existing"]),
        "new",
        "'new' starts a cluster, 'existing' joins one after a member add.",
    ),
    flag(
        "initial-cluster-token",
        Text,
        "etcd-cluster",
        "Keeps clusters with equal addresses apart; ids are made from it.",
    ),
    flag("advertise-client-urls", Urls, "http://localhost:2379", "Where clients reach this member."),
    flag("discovery", Text, "", "v2 discovery: URL of the cluster's token."),
    flag("discovery-proxy", Text, "", "v2 discovery: HTTP proxy.").secret(),
    flag(
        "discovery-fallback",
        Choice(&["exit", "proxy"]),
        "exit",
        "v2 discovery: what to do when the cluster is full; only 'exit'.",
    ),
    flag("discovery-token", Text, "", "v3 discovery: token of the cluster.").yaml("discovery-config.token"),
    flag("discovery-endpoints", Set, "", "v3 discovery: gRPC endpoints of the service.")
        .yaml("discovery-config.client.endpoints"),
    flag("discovery-dial-timeout", Duration, "2s", "v3 discovery: time limit for connecting.")
        .yaml("discovery-config.client.dial-timeout"),
    flag("discovery-request-timeout", Duration, "5s", "v3 discovery: time limit for a request.")
        .yaml("discovery-config.client.request-timeout"),
    flag("discovery-keepalive-time", Duration, "2s", "v3 discovery: time between two pings.")
        .yaml("discovery-config.client.keepalive-time"),
    flag(
        "discovery-keepalive-timeout",
        Duration,
        "6s",
        "v3 discovery: time to wait for the answer to a ping.",
    )
    .yaml("discovery-config.client.keepalive-timeout"),
    flag("discovery-insecure-transport", Bool, "true", "v3 discovery: connect without TLS.")
        .yaml("discovery-config.client.secure.insecure-transport"),
    flag(
        "discovery-insecure-skip-tls-verify",
        Bool,
        "false",
        "v2 and v3 discovery: do not verify the service's certificate; for tests only.",
    )
    .yaml("discovery-config.client.secure.insecure-skip-tls-verify"),
    flag("discovery-cert", Text, "", "v2 and v3 discovery: file with the client certificate.")
        .yaml("discovery-config.client.secure.cert"),
    flag("discovery-key", Text, "", "v2 and v3 discovery: file with the key of the client certificate.")
        .yaml("discovery-config.client.secure.key"),
    flag("discovery-cacert", Text, "", "v2 and v3 discovery: file with the certificates to trust.")
        .yaml("discovery-config.client.secure.cacert"),
    flag("discovery-user", Text, "", "v3 discovery: user[:password].")
        .yaml("discovery-config.client.auth.username")
        .secret(),
    flag("discovery-password", Text, "", "v3 discovery: password, when --discovery-user has none.")
        .yaml("discovery-config.client.auth.password")
        .secret(),
    flag("discovery-srv", Text, "", "DNS discovery: domain with the SRV records."),
    flag("discovery-srv-name", Text, "", "DNS discovery: suffix of the service name."),
    flag(
        "discovery-srv-nameserver",
        Text,
        "",
        "DNS discovery: name server to ask, as host:port, instead of the system's; not a flag of etcd.",
    ),
    flag(
        "strict-reconfig-check",
        Bool,
        "true",
        "Refuse changes of the membership that would lose the quorum.",
    ),
    flag(
        "pre-vote",
        Bool,
        "true",
        "Ask before an election, so that a member that comes back disturbs nobody.",
    ),
    flag("enable-v2", Bool, "true", "Serve the v2 API: /v2/keys and what is beside it."),
    flag(
        "auto-compaction-retention",
        Text,
        "0",
        "History to keep: a duration (a bare number means hours) or a number of revisions; 0 keeps all.",
    ),
    flag(
        "auto-compaction-mode",
        Checked(&["periodic", "revision"]),
        "periodic",
        "Unit of --auto-compaction-retention: 'periodic' or 'revision'.",
    ),
    flag(
        "v2-deprecation",
        Choice(&["not-yet", "write-only", "write-only-skip-check", "write-only-drop-data", "gone"]),
        "write-only",
        "Deprecated and without effect.",
    ),
];
