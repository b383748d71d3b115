//! What follows when little is set.

use std::path::Path;
use std::time::Duration;

use super::{accept, accept_file};
use crate::{ClusterState, LogFormat, LogLevel};

#[test]
fn without_any_flag() {
    let (config, notices) = accept(&[], &[]);
    assert_eq!(config.name, "default");
    assert_eq!(config.data_dir, Path::new("default.etcd"));
    assert_eq!(config.wal_path(), Path::new("default.etcd/member/wal"));
    assert_eq!(config.wal_dir, None);
    assert_eq!(config.snapshot_count, 10_000);
    assert_eq!(config.snapshot_catchup_entries, 5000);
    assert_eq!(
        (config.heartbeat_interval, config.election_timeout),
        (Duration::from_millis(100), Duration::from_secs(1))
    );
    assert_eq!(config.election_ticks(), 10);
    assert_eq!(config.listen_peer_urls.to_string(), "http://localhost:2380");
    assert_eq!(config.advertise_client_urls.to_string(), "http://localhost:2379");
    assert!(config.listen_client_http_urls.is_empty());
    assert_eq!(config.initial_cluster, "default=http://localhost:2380");
    assert_eq!(config.initial_cluster_state, ClusterState::New);
    assert_eq!(config.max_request_bytes, 1_572_864);
    assert_eq!(config.max_concurrent_streams, u32::MAX);
    assert_eq!(config.backend_batch_interval, Duration::from_millis(100));
    assert_eq!(config.backend_batch_limit, 10_000);
    assert_eq!(config.compaction_batch_limit, 1000);
    assert_eq!(config.compaction_sleep_interval, Duration::from_millis(10));
    assert_eq!(config.grpc_keepalive_interval, Duration::from_secs(7200));
    assert_eq!((config.log_level, config.log_format), (LogLevel::Info, LogFormat::Json));
    assert_eq!(config.log_outputs, ["default"]);
    assert!(config.pre_vote && config.strict_reconfig_check && config.initial_election_tick_advance);
    assert!(config.enable_v2 && config.enable_grpc_gateway);
    assert!(config.explicit.is_empty());
    let warnings: Vec<String> = notices.iter().map(ToString::to_string).collect();
    assert_eq!(warnings[0], "no data-dir provided, using default data-dir ./default.etcd");
    assert!(warnings[1].starts_with("it isn't recommended to use default name"));
}

#[test]
fn the_initial_cluster_follows_the_name() {
    let check =
        |argv: &[&str], host: Option<&str>, cluster: &str, peers: &str, clients: &str, used: Option<&str>| {
            let (mut config, _) = accept(argv, &[]);
            assert_eq!(config.update_default_cluster_from_name(host).as_deref(), used, "{argv:?}");
            assert_eq!(config.initial_cluster, cluster, "{argv:?}");
            assert_eq!(config.initial_advertise_peer_urls.to_string(), peers, "{argv:?}");
            assert_eq!(config.advertise_client_urls.to_string(), clients, "{argv:?}");
        };
    let (peers, clients) = ("http://localhost:2380", "http://localhost:2379");
    check(&[], None, "default=http://localhost:2380", peers, clients, None);
    check(&["--name=infra9"], None, "infra9=http://localhost:2380", peers, clients, None);
    check(
        &["--name=a", "--initial-advertise-peer-urls=http://h:2,http://h:1"],
        None,
        "a=http://h:1,a=http://h:2",
        "http://h:1,http://h:2",
        clients,
        None,
    );
    check(
        &["--initial-advertise-peer-urls=http://h:1"],
        None,
        "default=http://localhost:2380",
        "http://h:1",
        clients,
        None,
    );
    check(&["--name=a", "--initial-cluster=b=http://b:1"], None, "b=http://b:1", peers, clients, None);
    check(
        &["--name=a", "--listen-peer-urls=http://0.0.0.0:7"],
        Some("10.0.0.5"),
        "a=http://10.0.0.5:7",
        "http://10.0.0.5:7",
        clients,
        Some("10.0.0.5"),
    );
    check(
        &["--listen-peer-urls=http://10.0.0.1:7"],
        Some("10.0.0.5"),
        "default=http://localhost:2380",
        peers,
        clients,
        None,
    );
    check(
        &["--listen-client-urls=http://0.0.0.0:9", "--advertise-client-urls=http://localhost:2379"],
        Some("fe80::1"),
        "default=http://localhost:2380",
        peers,
        "http://[fe80::1]:9",
        Some("fe80::1"),
    );
}

#[test]
fn a_listed_url_counts_once_and_an_empty_list_is_the_default() {
    let (config, _) = accept(
        &[
            "--listen-client-urls=http://1.1.1.1:1,http://1.1.1.1:1",
            "--advertise-client-urls=http://b:1,http://a:1",
        ],
        &[],
    );
    assert_eq!(config.listen_client_urls.to_string(), "http://1.1.1.1:1");
    assert_eq!(config.advertise_client_urls.to_string(), "http://a:1,http://b:1");
    let (config, _) = accept(&["--listen-peer-urls="], &[]);
    assert_eq!(config.listen_peer_urls.to_string(), "http://localhost:2380");
}

#[test]
fn raft_timeouts_have_a_minimum() {
    let (config, notices) = accept(&["--raft-read-timeout=1s", "--raft-write-timeout=7s"], &[]);
    assert_eq!(
        (config.raft_read_timeout, config.raft_write_timeout),
        (Duration::from_secs(5), Duration::from_secs(7))
    );
    assert!(
        notices.iter().any(|notice| notice.to_string() == "raft-read-timeout increased to minimum value: 5s")
    );
}

#[test]
fn in_a_file_the_advertised_client_urls_keep_their_default() {
    let (config, _) = accept_file("listen-client-urls: http://127.0.0.1:9");
    assert_eq!(config.advertise_client_urls.to_string(), "http://localhost:2379");
}
