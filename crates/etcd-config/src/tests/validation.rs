//! Values that are refused, with the texts of etcd.

use super::{accept, refuse, refuse_file};

fn check(argv: &[&str], want: &[&str]) {
    let failure = refuse(argv, &[]);
    assert_eq!(failure.mistakes, want, "{argv:?}");
    assert_eq!((failure.exit_code, failure.usage), (1, false), "{argv:?}");
}

#[test]
fn arguments_that_cannot_be_read_exit_with_2() {
    let check = |argv: &[&str], want: &[&str]| {
        let failure = refuse(argv, &[]);
        assert_eq!(failure.mistakes, want, "{argv:?}");
        assert_eq!((failure.exit_code, failure.usage), (2, true), "{argv:?}");
    };
    check(
        &["--initial-cluster-state", "foo"],
        &[
            "invalid value \"foo\" for flag -initial-cluster-state: invalid value (want one of: new, existing)",
        ],
    );
    check(&["--nosuchthing", "--nosuchother"], &["flag provided but not defined: -nosuchthing"]);
    check(&["--nosuchthing=1"], &["flag provided but not defined: -nosuchthing"]);
    check(&["--nam=a"], &["flag provided but not defined: -nam (did you mean --name?)"]);
    check(&["--name"], &["flag needs an argument: -name"]);
    check(&["---name=a"], &["bad flag syntax: ---name=a"]);
    check(&["--=a"], &["bad flag syntax: --=a"]);
    check(&["--pre-vote=maybe"], &["invalid boolean value \"maybe\" for -pre-vote: parse error"]);
    check(&["--snapshot-count=-1"], &["invalid value \"-1\" for flag -snapshot-count: parse error"]);
    check(
        &["--max-concurrent-streams=4294967296"],
        &["invalid value \"4294967296\" for flag -max-concurrent-streams: value out of range"],
    );
    check(
        &["--snapshot-count=18446744073709551616"],
        &["invalid value \"18446744073709551616\" for flag -snapshot-count: value out of range"],
    );
    check(
        &["--backend-batch-interval=5"],
        &["invalid value \"5\" for flag -backend-batch-interval: parse error"],
    );
    check(
        &["--backend-batch-interval=-5s"],
        &["invalid value \"-5s\" for flag -backend-batch-interval: a duration cannot be negative"],
    );
    check(
        &["--listen-peer-urls=http://a:1/"],
        &[
            "invalid value \"http://a:1/\" for flag -listen-peer-urls: URL must not contain a path: http://a:1/",
        ],
    );
    check(
        &["--proxy=maybe"],
        &["invalid value \"maybe\" for flag -proxy: invalid value (want one of: off, readonly, on)"],
    );
    check(
        &["--snapshot-count=x", "--pre-vote=x", "-election-timeout", ""],
        &[
            "invalid value \"x\" for flag -snapshot-count: parse error",
            "invalid boolean value \"x\" for -pre-vote: parse error",
            "invalid value \"\" for flag -election-timeout: parse error",
        ],
    );
}

#[test]
fn words_that_are_no_flags_exit_with_1() {
    check(&["foo"], &["error verifying flags, 'foo' is not a valid flag. See 'etcd --help'."]);
    check(
        &["--pre-vote", "false"],
        &["error verifying flags, 'false' is not a valid flag. See 'etcd --help'."],
    );
    check(
        &["--name", "a", "--", "b"],
        &["error verifying flags, 'b' is not a valid flag. See 'etcd --help'."],
    );
    check(&["-"], &["error verifying flags, '-' is not a valid flag. See 'etcd --help'."]);
    check(
        &["gateway", "start"],
        &["'etcd gateway' is not available in this version yet; point clients at the members"],
    );
}

#[test]
fn rules_between_values() {
    check(
        &["--listen-peer-urls=http://[fe80::1%25eth0]:2380"],
        &["expected IP in URL for binding (http://[fe80::1%25eth0]:2380)"],
    );
    check(
        &["--listen-peer-urls=http://example.com:2380"],
        &["expected IP in URL for binding (http://example.com:2380)"],
    );
    check(&["--listen-peer-urls=http://:2380"], &["expected IP in URL for binding (http://:2380)"]);
    check(
        &["--initial-advertise-peer-urls=http://:2380"],
        &[
            "--initial-advertise-peer-urls \"http://:2380\" must be \"host:port\" (unexpected empty host (http://:2380))",
        ],
    );
    check(
        &["--advertise-client-urls=http://:2379"],
        &[
            "--advertise-client-urls \"http://:2379\" must be in the format \"host:port\", \"unix:/path/to/socket\" or \"unixs:/path/to/socket\" (unexpected empty host (http://:2379))",
        ],
    );
    check(&["--heartbeat-interval=0"], &["--heartbeat-interval must be >0 (set to 0ms)"]);
    check(&["--election-timeout=0"], &["--election-timeout must be >0 (set to 0ms)"]);
    check(
        &["--election-timeout=100"],
        &["--election-timeout[100ms] should be at least as 5 times as --heartbeat-interval[100ms]"],
    );
    check(
        &["--election-timeout=60000"],
        &["--election-timeout[60000ms] is too long, and should be set less than 50000ms"],
    );
    check(
        &["--listen-client-urls=http://127.0.0.1:1"],
        &["--advertise-client-urls is required when --listen-client-urls is set explicitly"],
    );
    check(&["--auto-compaction-mode=foo"], &["unknown auto-compaction-mode \"foo\""]);
    check(&["--auto-compaction-mode="], &["undefined auto-compaction-mode"]);
    check(&["--log-level=loud"], &["unrecognized level: \"loud\""]);
    check(&["--log-format=xml"], &["unknown log format: xml, supported values json, console"]);
    check(&["--logger=x"], &["unknown logger option \"x\""]);
    check(&["--log-outputs=default,stdout"], &["multi logoutput for \"default\" is not supported yet"]);
    check(&["--feature-gates=Foo=true"], &["unrecognized feature gate: Foo"]);
    check(&["--feature-gates=Foo"], &["missing bool value for Foo"]);
    check(
        &["--name=a=b"],
        &["--name \"a=b\" must not contain ',' or '=', which --initial-cluster is split at"],
    );
    check(
        &["--tls-min-version=TLS1.1"],
        &["unexpected TLS version \"TLS1.1\" (must be one of: TLS1.2, TLS1.3)"],
    );
    accept(&["--election-timeout=50000", "--heartbeat-interval=10000"], &[]);
    accept(&["--listen-peer-urls=http://0.0.0.0:1,http://[::1]:1,http://localhost:2,unix:///tmp/s"], &[]);
}

/// The first mistake is the one that etcd reports; what is not available follows.
#[test]
fn all_mistakes_are_reported_at_once() {
    check(
        &[
            "--election-timeout=60000",
            "--memory-mlock",
            "--listen-peer-urls=http://a.b:1",
            "--auto-compaction-mode=x",
        ],
        &[
            "expected IP in URL for binding (http://a.b:1)",
            "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
            "unknown auto-compaction-mode \"x\"",
            "--memory-mlock: not available in this version yet; leave it out, and turn swap off on the host",
        ],
    );
}

#[test]
fn one_mechanism_and_all_of_it() {
    let first = |argv: &[&str]| refuse(argv, &[]).mistakes.remove(0);
    let several = "multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", \"discovery\", \"discovery-endpoints\" or \"discovery-srv\" (set are ";
    for (argv, set) in [
        (["--initial-cluster=a=http://a:1", "--discovery=http://d/t"], "--initial-cluster and --discovery)"),
        (
            ["--initial-cluster=a=http://a:1", "--discovery-srv=example.com"],
            "--initial-cluster and --discovery-srv)",
        ),
        (["--discovery=http://d/t", "--discovery-srv=example.com"], "--discovery and --discovery-srv)"),
        (["--discovery=http://d/t", "--discovery-endpoints=h:1"], "--discovery and --discovery-endpoints)"),
    ] {
        assert_eq!(first(&argv), format!("{several}{set}"));
    }
    assert_eq!(
        first(&["--discovery-token=t"]),
        "both --discovery-token and --discovery-endpoints must be set"
    );
    assert_eq!(
        first(&["--discovery-token=t", "--discovery-endpoints=a,"]),
        "--discovery-endpoints must not contain empty endpoints"
    );
    assert_eq!(
        first(&["--discovery-fallback=proxy"]),
        "v2 proxy is deprecated, and --discovery-fallback can't be configured as \"proxy\""
    );
}

#[test]
fn what_is_missing_is_said() {
    for (argument, want) in [
        (
            "--memory-mlock",
            "--memory-mlock: not available in this version yet; leave it out, and turn swap off on the host",
        ),
        (
            "--proxy=on",
            "--proxy: not available in this version yet; point clients at the members: etcd 3.6 has no v2 proxy either",
        ),
        (
            "--feature-gates=SetMemberLocalAddr=true",
            "--feature-gates: SetMemberLocalAddr=true is not available in this version yet; leave it out",
        ),
        (
            "--log-outputs=systemd/journal",
            "--log-outputs: systemd/journal is not available in this version yet; use default, which systemd takes into the journal",
        ),
    ] {
        check(&[argument], &[want]);
    }
    // What has come is taken, under its old name too.
    accept(
        &[
            "--quota-backend-bytes=1",
            "--experimental-initial-corrupt-check",
            "--experimental-corrupt-check-time=1s",
            "--auto-compaction-retention=1h",
        ],
        &[],
    );
    // The default, said aloud, is fine.
    accept(
        &[
            "--auto-tls=false",
            "--enable-v2=false",
            "--metrics=basic",
            "--auth-token=simple",
            "--cors=*",
            "--proxy=off",
        ],
        &[],
    );
}

#[test]
fn a_bad_file_is_refused() {
    let check = |yaml: &str, want: &[&str]| {
        let failure = refuse_file(yaml);
        assert_eq!(failure.mistakes, want, "{yaml}");
        assert_eq!(failure.exit_code, 1, "{yaml}");
    };
    check("initial-cluster-state: foo", &["unexpected clusterState \"foo\""]);
    check(
        "listen-peer-urls: http://a:1/",
        &["unexpected error setting up listen-peer-urls: URL must not contain a path: http://a:1/"],
    );
    check("snapshot-count: many", &["invalid value \"many\" for snapshot-count: parse error"]);
    check("name: [a]", &["invalid value \"\" for name: it cannot be a list"]);
    check("peer-transport-security: yes", &["invalid peer-transport-security"]);
    check("auto-compaction-mode: foo", &["unknown auto-compaction-mode \"foo\""]);
    check(
        "election-timeout: 100\nlog-level: loud",
        &[
            "unrecognized level: \"loud\"",
            "--election-timeout[100ms] should be at least as 5 times as --heartbeat-interval[100ms]",
        ],
    );
    check(
        "name: a\nname: b",
        &["could not parse the configuration file \"x\": duplicate mapping key: name at line 2, column 1"],
    );
    for yaml in ["[", "- a", "a: &x [*x]", "\u{0}", "just text"] {
        let failure = refuse_file(yaml);
        assert!(
            failure.mistakes[0].starts_with("could not parse the configuration file \"x\": "),
            "{yaml}: {failure}"
        );
    }
    assert_eq!(
        refuse(&["--config-file=x"], &[]).mistakes,
        ["could not read the configuration file \"x\": entity not found"]
    );
}

#[test]
fn listeners_need_certificates() {
    let (config, _) = accept(
        &[
            "--listen-peer-urls=https://127.0.1.11:2380,http://127.0.1.11:1",
            "--listen-client-urls=https://127.0.1.12:2379",
            "--advertise-client-urls=https://127.0.1.12:2379",
        ],
        &[],
    );
    assert_eq!(
        config.check_listeners().unwrap_err().mistakes,
        [
            "cannot listen on TLS for 127.0.1.11:2380: KeyFile and CertFile are not presented",
            "TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.1.12:2379 with HTTPS scheme",
        ]
    );
    assert_eq!(accept(&[], &[]).0.check_listeners(), Ok(()));
    let given = ["--listen-peer-urls=https://127.0.1.11:2380", "--peer-auto-tls"];
    assert_eq!(accept(&given, &[]).0.check_listeners(), Ok(()));
}

#[test]
fn certificates_that_are_not_used_are_told() {
    let warnings = |argv: &[&str]| {
        let (_, notices) = accept(argv, &[]);
        let warnings = notices.iter().filter(|notice| notice.is_warning()).map(ToString::to_string);
        warnings
            .filter(|text| !text.contains("default name") && !text.contains("data-dir"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        warnings(&["--peer-auto-tls", "--peer-cert-file=c", "--peer-key-file=k", "--peer-client-cert-auth"]),
        [
            "ignoring peer auto TLS since certs given",
            "scheme is HTTP while key and cert files are present; ignoring key and cert files: http://localhost:2380",
            "scheme is HTTP while --peer-client-cert-auth is enabled; ignoring client cert auth for this URL: \
             http://localhost:2380",
        ]
    );
    assert_eq!(
        warnings(&["--auto-tls", "--cert-file=c", "--key-file=k", "--client-cert-auth"]),
        [
            "ignoring client auto TLS since certs given",
            "scheme is http or unix while key and cert files are present; ignoring key and cert files: \
             http://localhost:2379",
            "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert auth for this URL: \
             http://localhost:2379",
        ]
    );
    let https = ["--listen-client-urls=https://127.0.0.1:1", "--advertise-client-urls=https://127.0.0.1:1"];
    assert!(warnings(&[&https[..], &["--auto-tls"]].concat()).is_empty());
    let unchecked = warnings(&["--client-crl-file=x", "--peer-cert-allowed-cn=a"]);
    assert_eq!(unchecked.len(), 2, "{unchecked:?}");
}
