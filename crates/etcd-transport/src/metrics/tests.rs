use etcd_membership::MemberId;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::Metrics;

#[test]
fn names_kinds_and_labels_are_those_of_etcd() {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let (local, remote) = (MemberId::new(0xa), MemberId::new(0xb));
    let peer = metrics.peer(local, remote);
    peer.active.set(1);
    peer.round_trip.observe(0.001);
    metrics.received_failure(None);
    let sent = metrics.sent_snapshot(remote);
    sent.success.inc();
    sent.seconds.observe(1.0);
    metrics.received_snapshot(Some(remote)).seconds.observe(1.0);

    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in [
        "# TYPE etcd_network_active_peers gauge",
        "etcd_network_active_peers{Local=\"a\",Remote=\"b\"} 1",
        "etcd_network_known_peers{Local=\"a\",Remote=\"b\"} 0",
        "etcd_network_disconnected_peers_total{Local=\"a\",Remote=\"b\"} 0",
        "etcd_network_peer_sent_bytes_total{To=\"b\"} 0",
        "etcd_network_peer_sent_failures_total{To=\"b\"} 0",
        "etcd_network_peer_received_bytes_total{From=\"b\"} 0",
        "etcd_network_peer_received_failures_total{From=\"unknown\"} 1",
        "etcd_network_peer_round_trip_time_seconds_bucket{le=\"0.0001\",To=\"b\"} 0",
        "etcd_network_peer_round_trip_time_seconds_bucket{le=\"3.2768\",To=\"b\"} 1",
        "# TYPE etcd_network_snapshot_send_success counter",
        "etcd_network_snapshot_send_success{To=\"b\"} 1",
        "etcd_network_snapshot_send_failures{To=\"b\"} 0",
        "etcd_network_snapshot_send_inflights_total{To=\"b\"} 0",
        "etcd_network_snapshot_send_total_duration_seconds_bucket{le=\"51.2\",To=\"b\"} 1",
        "etcd_network_snapshot_receive_success{From=\"b\"} 0",
        "etcd_network_snapshot_receive_failures{From=\"b\"} 0",
        "etcd_network_snapshot_receive_inflights_total{From=\"b\"} 0",
        "etcd_network_snapshot_receive_total_duration_seconds_count{From=\"b\"} 1",
    ] {
        assert!(text.lines().any(|written| written == line), "no line {line} in\n{text}");
    }
}
