//! TLS on the ports beside the two: `--listen-metrics-urls` and `--listen-client-http-urls`.

use etcd_it::Ctl;
use etcd_testkit::{ReservedPort, reserve_ports};

use super::material::{Curl, certificates, secure_member, start, text};
use crate::lone::Lone;

fn url(scheme: &str, port: &ReservedPort) -> String {
    format!("{scheme}://127.0.0.1:{}", port.get())
}

/// Certificate, authority and rules are those of the client port.
#[test]
fn every_port_for_clients_asks_for_certificates() {
    let (lone, material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(curl) = Curl::trusting(&files.client_ca) else { return };
    let crl = material.path("crl.pem");
    material.clients.revoke(&crl, &[0x7777]).unwrap();
    let ports = reserve_ports(2).unwrap();
    let (metrics, http) = (url("https", &ports[0]), url("https", &ports[1]));
    let _server = start(
        &lone,
        &[
            "--listen-metrics-urls",
            &metrics,
            "--listen-client-http-urls",
            &http,
            "--client-crl-file",
            &text(&crl),
        ],
    );
    let user = curl.showing(&files.user);
    assert!(user.get(&format!("{metrics}/metrics"), &[]).unwrap().contains("etcd_server_has_leader 1"));
    assert!(user.get(&format!("{metrics}/health"), &["--http2"]).unwrap().contains("\"true\""));
    assert!(user.get(&format!("{http}/health"), &[]).unwrap().contains("\"true\""));
    let put = user.get(&format!("{http}/v3/kv/put"), &["--data", r#"{"key":"YQ==","value":"Yg=="}"#]);
    assert!(put.as_ref().is_ok_and(|answer| answer.contains("revision")), "{put:?}");
    if let Some(ctl) = Ctl::new(&[lone.spec.client_url()]) {
        let (ca, cert, key) = (text(&files.client_ca), text(&files.user.cert), text(&files.user.key));
        assert_eq!(ctl.ok(&["--cacert", &ca, "--cert", &cert, "--key", &key, "get", "a"]), "a\nb\n");
    }

    let revoked = etcd_testkit::Leaf { serial: Some(0x7777), ..etcd_testkit::Leaf::default() };
    let revoked = material.client("revoked", &revoked);
    let trusting = || Curl::trusting(&files.client_ca).unwrap();
    for page in [format!("{metrics}/metrics"), format!("{http}/health")] {
        assert!(trusting().get(&page, &[]).is_err(), "no certificate: {page}");
        assert!(trusting().showing(&files.peer).get(&page, &[]).is_err(), "a member's certificate: {page}");
        assert!(trusting().showing(&revoked).get(&page, &[]).is_err(), "a revoked certificate: {page}");
        let plain = page.replace("https://", "http://");
        assert!(user.get(&plain, &[]).is_err(), "plain text: {plain}");
        assert!(user.get(&page, &[]).is_ok(), "none of this has hurt the server");
    }
}

/// A scraper need not have a certificate: the port for metrics may speak plain text where the others do not, and the
/// other way round.
#[test]
fn metrics_may_be_plain_where_clients_are_not() {
    let (lone, _material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(curl) = Curl::trusting(&files.client_ca) else { return };
    let port = reserve_ports(1).unwrap();
    let metrics = url("http", &port[0]);
    let server = start(&lone, &["--listen-metrics-urls", &metrics]);
    assert!(curl.get(&format!("{metrics}/metrics"), &[]).unwrap().contains("etcd_server_has_leader 1"));
    assert!(curl.get(&metrics.replace("http://", "https://"), &[]).is_err(), "TLS on a plain port");
    drop(server);

    let plain = Lone::new();
    let metrics = url("https", &port[0]);
    let _server = start(
        &plain,
        &[
            "--listen-metrics-urls",
            &metrics,
            "--cert-file",
            &text(&files.client.cert),
            "--key-file",
            &text(&files.client.key),
        ],
    );
    assert!(curl.get(&format!("{metrics}/metrics"), &[]).unwrap().contains("etcd_server_has_leader 1"));
    assert!(curl.get(&format!("{}/health", plain.spec.client_url()), &[]).unwrap().contains("\"true\""));
}
