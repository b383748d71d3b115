use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;

use super::process::{Stat, parse_limit, parse_stat};
use super::text::go_float;
use super::{Count as _, Detail, Metrics, encode, register_process};
use crate::grpc::Rpc;

fn page(register: impl FnOnce(&mut Registry)) -> String {
    let mut registry = Registry::default();
    register(&mut registry);
    encode(&registry).expect("a page")
}

#[test]
fn counters_end_in_total_but_for_those_that_etcd_names_otherwise() {
    let found = page(|registry| {
        registry.register("etcd_mvcc_put", "Puts", Counter::<u64>::default());
        registry.register("etcd_server_health_success", "Good", Counter::<u64>::default());
    });
    let expected = "\
# HELP etcd_mvcc_put_total Puts.
# TYPE etcd_mvcc_put_total counter
etcd_mvcc_put_total 0
# HELP etcd_server_health_success Good.
# TYPE etcd_server_health_success counter
etcd_server_health_success 0
";
    assert_eq!(found, expected);
}

#[test]
fn gauges_keep_their_name_and_type() {
    let gauge = Gauge::<i64>::default();
    gauge.set(-3);
    let found = page(|registry| {
        registry.register("etcd_server_proposals_committed_total", "Index", gauge);
        registry.register_with_unit("disk", "Space", Unit::Bytes, Gauge::<i64>::default());
    });
    let expected = "\
# HELP etcd_server_proposals_committed_total Index.
# TYPE etcd_server_proposals_committed_total gauge
etcd_server_proposals_committed_total -3
# HELP disk_bytes Space.
# TYPE disk_bytes gauge
disk_bytes 0
";
    assert_eq!(found, expected);
}

#[test]
fn histograms_are_as_they_are() {
    let histogram = Histogram::new([0.5, 1.0]);
    histogram.observe(0.7);
    let found = page(|registry| registry.register("etcd_disk_wal_fsync_duration_seconds", "Sync", histogram));
    let expected = "\
# HELP etcd_disk_wal_fsync_duration_seconds Sync.
# TYPE etcd_disk_wal_fsync_duration_seconds histogram
etcd_disk_wal_fsync_duration_seconds_sum 0.7
etcd_disk_wal_fsync_duration_seconds_count 1
etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.5\"} 0
etcd_disk_wal_fsync_duration_seconds_bucket{le=\"1\"} 1
etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"} 1
";
    assert_eq!(found, expected);
}

/// As etcd 3.4 shows its bounds.
#[test]
fn bounds_are_written_as_go_writes_them() {
    for (bound, text) in [
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (0.001, "0.001"),
        (8.192, "8.192"),
        (1.0, "1"),
        (819_200.0, "819200"),
        (1_048_576.0, "1.048576e+06"),
        (8_388_608.0, "8.388608e+06"),
        (52.4288, "52.4288"),
    ] {
        assert_eq!(go_float(bound), text);
    }
}

#[test]
fn times_of_calls_are_shown_when_asked_for() {
    let mut registry = Registry::default();
    let metrics = Metrics::register_as(&mut registry, Detail::Extensive);
    drop(metrics.rpcs().start(Rpc::Put));
    let found = encode(&registry).expect("a page");
    let labels = r#"grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put""#;
    for line in [
        "# TYPE grpc_server_handling_seconds histogram\n".to_owned(),
        format!("grpc_server_handling_seconds_count{{{labels}}} 1\n"),
        format!("grpc_server_handling_seconds_bucket{{le=\"10\",{labels}}} 1\n"),
    ] {
        assert!(found.contains(&line), "{line} in {found}");
    }
    let basic = page(|registry| drop(Metrics::register(registry)));
    assert!(!basic.contains("grpc_server_handling_seconds"));
}

#[test]
fn calls_are_counted_by_method_and_code() {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let mut handled = metrics.rpcs().start(Rpc::Put);
    metrics.rpcs().received(Rpc::Put, 10);
    handled.sent(30);
    handled.done(Code::Ok);
    drop(handled);
    drop(metrics.rpcs().start(Rpc::Put));
    let found = encode(&registry).expect("a page");
    let labels = r#"grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put""#;
    for line in [
        format!("grpc_server_started_total{{{labels}}} 2\n"),
        format!("grpc_server_msg_received_total{{{labels}}} 1\n"),
        format!("grpc_server_msg_sent_total{{{labels}}} 1\n"),
        format!("grpc_server_handled_total{{{labels},grpc_code=\"OK\"}} 1\n"),
        format!("grpc_server_handled_total{{{labels},grpc_code=\"Canceled\"}} 1\n"),
        format!("grpc_server_handled_total{{{labels},grpc_code=\"Unauthenticated\"}} 0\n"),
        "etcd_network_client_grpc_received_bytes_total 10\n".to_owned(),
        "etcd_network_client_grpc_sent_bytes_total 30\n".to_owned(),
    ] {
        assert!(found.contains(&line), "{line}");
    }
}

#[test]
fn every_sample_belongs_to_the_family_above_it() {
    let found = page(|registry| {
        Metrics::register(registry);
        register_process(registry);
    });
    let mut family = String::new();
    for line in found.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap_or_default().to_owned();
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&family), "{line:?} under {family:?}");
        }
    }
    assert!(!found.contains("# EOF") && !found.contains("# UNIT"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_shown() {
    let found = page(register_process);
    for name in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_start_time_seconds",
        "process_open_fds",
        "process_max_fds",
        "os_fd_used",
        "os_fd_limit",
    ] {
        let line = found.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        assert!(line.trim().parse::<f64>().is_ok_and(|value| value >= 0.0), "{name} {line}");
    }
}

#[test]
fn process_files() {
    let stat =
        "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 3 0 1234 8192 2 18446744073709551615";
    let expected =
        Stat { cpu_seconds: 2.0, virtual_bytes: 8192.0, resident_bytes: 8192.0, started_after_boot: 12.34 };
    assert_eq!(parse_stat(stat), Some(expected));
    assert_eq!(parse_stat("7 (a) S 1"), None);
    assert_eq!(parse_stat(""), None);
    let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024   4096   files\n";
    assert_eq!(parse_limit(limits, "Max open files"), Some(1024.0));
    let unlimited = "Max open files   unlimited  unlimited  files";
    assert_eq!(parse_limit(unlimited, "Max open files"), Some(f64::INFINITY));
    assert_eq!(parse_limit("nothing", "Max open files"), None);
}

#[test]
fn a_call_that_outlives_its_function_is_counted_once() {
    let mut registry = Registry::default();
    let metrics = Metrics::register_as(&mut registry, Detail::Extensive);
    let mut ongoing = metrics.outlive(metrics.rpcs().start(Rpc::Range));
    ongoing.sent(2, 50);
    ongoing.done(Code::Ok);
    drop(ongoing);
    drop(metrics.ongoing(Rpc::Watch));
    let found = encode(&registry).expect("a page");
    let range = r#"grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Range""#;
    let watch = r#"grpc_type="bidi_stream",grpc_service="etcdserverpb.Watch",grpc_method="Watch""#;
    for line in [
        format!("grpc_server_started_total{{{range}}} 1\n"),
        format!("grpc_server_msg_sent_total{{{range}}} 2\n"),
        format!("grpc_server_handled_total{{{range},grpc_code=\"OK\"}} 1\n"),
        format!("grpc_server_handled_total{{{range},grpc_code=\"Canceled\"}} 0\n"),
        format!("grpc_server_handling_seconds_count{{{range}}} 1\n"),
        format!("grpc_server_handled_total{{{watch},grpc_code=\"Canceled\"}} 1\n"),
        format!("grpc_server_handling_seconds_count{{{watch}}} 1\n"),
    ] {
        assert!(found.contains(&line), "{line} in {found}");
    }
}
