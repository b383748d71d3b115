//! `--listen-metrics-urls`, `--listen-client-http-urls`, `--cors`, `--host-whitelist`, `--metrics`,
//! `--enable-grpc-gateway`.

use etcd_it::{Ctl, DEADLINE, is_go_3_4};
use etcd_testkit::{reserve_ports, wait_until};

use super::Curl;
use crate::lone::Lone;

#[test]
fn metrics_have_a_port_of_their_own() {
    let lone = Lone::new();
    let port = reserve_ports(1).unwrap();
    let url = format!("http://127.0.0.1:{}", port[0].get());
    let _server = lone.start_with(&["--listen-metrics-urls", &url, "--metrics=extensive"]);
    let Some(client) = Curl::new(lone.spec.client_url()) else { return };
    let Some(metrics) = Curl::new(url) else { return };
    assert_eq!(client.post("/v3/kv/put", r#"{"key":"YQ=="}"#).0, 200);
    // It is timed when it is over, which may be after it was answered.
    let timed = wait_until("the put to be timed", DEADLINE, || {
        let (status, page) = metrics.run(&[], "/metrics", "");
        let mut times = page.lines().filter(|line| line.starts_with("grpc_server_handling_seconds_count{"));
        let is_timed = times.any(|line| line.contains(r#"grpc_method="Put""#) && line.ends_with(" 1"));
        if status == 200 && is_timed { Ok(()) } else { Err(format!("{status} {page}")) }
    });
    timed.unwrap();
    assert_eq!(metrics.run(&[], "/health", "").0, 200);
    assert_eq!(metrics.run(&[], "/version", "").0, 404);
    assert_eq!(client.run(&[], "/metrics", "").0, 200, "the client port goes on serving them");
}

#[test]
fn http_and_grpc_can_be_apart() {
    if is_go_3_4() {
        return;
    }
    let lone = Lone::new();
    let port = reserve_ports(1).unwrap();
    let url = format!("http://127.0.0.1:{}", port[0].get());
    let mut server = etcd_it::Server::start(&lone.scratch, lone.with(&["--listen-client-http-urls", &url]));
    server.wait_for_output("ready to serve client requests");
    let Some(http) = Curl::new(url.clone()) else { return };
    let Some(grpc) = Curl::new(lone.spec.client_url()) else { return };
    assert_eq!(http.run(&[], "/health", "").0, 200);
    assert_eq!(http.post("/v3/kv/put", r#"{"key":"YQ==","value":"Yg=="}"#).0, 200);
    assert_eq!(grpc.run(&[], "/health", "").0, 404);
    let Some(ctl) = Ctl::new(&[lone.spec.client_url()]) else { return };
    assert_eq!(ctl.ok(&["get", "a", "--print-value-only"]), "b\n");
}

#[test]
fn browsers_and_host_names() {
    let lone = Lone::new();
    let _server = lone.start_with(&["--cors=http://a.example:81", "--host-whitelist=localhost,127.0.0.1"]);
    let Some(curl) = Curl::new(lone.spec.client_url()) else { return };
    let (status, answer) = curl.run(&["--include", "-H", "Origin: http://a.example:81"], "/version", "");
    assert_eq!(status, 200);
    assert!(answer.to_lowercase().contains("access-control-allow-origin: http://a.example:81"), "{answer}");
    let (status, answer) = curl.run(&["--include", "-H", "Origin: http://b.example:81"], "/version", "");
    assert_eq!(status, 200);
    assert!(!answer.to_lowercase().contains("access-control-allow-origin"), "{answer}");
    assert_eq!(curl.run(&["-X", "OPTIONS"], "/v3/kv/range", ""), (200, String::new()));
    let (status, answer) = curl.run(&["-H", "Host: evil.example"], "/version", "");
    assert_eq!(status, 421);
    assert!(answer.contains("CVE-2018-5702") && answer.contains("--host-whitelist"), "{answer}");
}

#[test]
fn the_gateway_can_be_turned_off() {
    let lone = Lone::new();
    let _server = lone.start_with(&["--enable-grpc-gateway=false"]);
    let Some(curl) = Curl::new(lone.spec.client_url()) else { return };
    assert_eq!(curl.post("/v3/kv/range", r#"{"key":"YQ=="}"#).0, 404);
}
