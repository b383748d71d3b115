//! The table of flags that make no sense.

/// What the server does with the flags of a cluster of one, and some more that win over them.
pub(super) struct Case {
    pub(super) id: &'static str,
    /// `{peer}` and `{client}` are the member's URLs.
    pub(super) more: &'static str,
    pub(super) code: i32,
    /// On standard error, somewhere.
    pub(super) says: &'static str,
}

const fn case(id: &'static str, more: &'static str, code: i32, says: &'static str) -> Case {
    Case { id, more, code, says }
}

pub(super) const CASES: &[Case] = &[
    case(
        "an advertised URL too many",
        "--initial-advertise-peer-urls {peer},http://127.0.1.20:2380",
        1,
        "--initial-advertise-peer-urls has http://127.0.1.20:2380 but missing from --initial-cluster=",
    ),
    case("a URL of two names", "--initial-cluster infra0={peer},infra1={peer}", 1, "has duplicate url"),
    case("a URL twice under a name", "--initial-cluster infra0={peer},infra0={peer}", 1, "failed to resolve"),
    case(
        "a name without URL",
        "--initial-cluster infra0",
        1,
        "error setting up initial cluster: URL scheme must be http, https, unix, or unixs:",
    ),
    case(
        "a URL with a path",
        "--initial-cluster infra0={peer}/path",
        1,
        "error setting up initial cluster: URL must not contain a path:",
    ),
    case(
        "a URL without port",
        "--initial-cluster infra0=http://127.0.1.10",
        1,
        r#"URL address does not have the form "host:port":"#,
    ),
    case("a state that is none", "--initial-cluster-state foo", 2, "foo"),
    case("a flag that is none", "--no-such-flag", 2, "no-such-flag"),
    case("a number that is none", "--snapshot-count many", 2, "snapshot-count"),
    case("a flag without value", "--name", 2, "name"),
    case("a word that is no flag", "foo", 1, "'foo' is not a valid flag"),
    case(
        "a name in a listen URL",
        "--listen-client-urls http://example.com:2379",
        1,
        "expected IP in URL for binding",
    ),
    case(
        "an election as short as a heartbeat",
        "--election-timeout 100 --heartbeat-interval 100",
        1,
        "--election-timeout[100ms] should be at least as 5 times as --heartbeat-interval[100ms]",
    ),
    case(
        "an election of a minute",
        "--election-timeout 60000",
        1,
        "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
    ),
    case(
        "a heartbeat of nothing",
        "--heartbeat-interval 0",
        1,
        "--heartbeat-interval must be >0 (set to 0ms)",
    ),
    case(
        "a compaction mode that is none",
        "--auto-compaction-mode foo",
        1,
        r#"unknown auto-compaction-mode "foo""#,
    ),
    case(
        "a cluster of others",
        "--initial-cluster infra7={peer}",
        1,
        r#"couldn't find local name "infra0" in the initial cluster configuration"#,
    ),
    case(
        "joining a cluster of others",
        "--initial-cluster-state existing --initial-cluster infra7={peer}",
        1,
        r#"couldn't find local name "infra0" in the initial cluster configuration"#,
    ),
    case(
        "joining nobody",
        "--initial-cluster-state existing --initial-cluster infra0={peer},infra1=http://127.0.0.1:9",
        1,
        "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs",
    ),
];
