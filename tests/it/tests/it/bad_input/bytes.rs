//! Garbage on the ports.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use etcd_it::seeded;
use rand::RngCore as _;

use crate::lone::Lone;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn garbage() -> Vec<Vec<u8>> {
    let mut random = seeded();
    let mut noise = |length| {
        let mut bytes = vec![0; length];
        random.fill_bytes(&mut bytes);
        bytes
    };
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        Vec::new(),
        text("\0"),
        noise(17),
        noise(100_000),
        text("GET"),
        text("GET / HTTP/9.9\r\n\r\n"),
        text("GET /raft HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
        text("POST /raft HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        text("POST /raft HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
        [text("GET / HTTP/1.1\r\nHost: x\r\nX: "), vec![b'a'; 2_000_000]].concat(),
        // A TLS client hello, cut.
        vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03],
        [PREFACE, &noise(500)].concat(),
        // A frame that claims 16 MiB; one of an unknown type; headers that are none; a window update by nothing.
        [PREFACE, &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat(),
        [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0], &[0, 0, 4, 0x77, 0, 0, 0, 0, 1, 1, 2, 3, 4]].concat(),
        [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0], &[0, 0, 4, 1, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]]
            .concat(),
        [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0], &[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
    ]
}

/// Sends the bytes and hears the server out; what it says does not matter.
fn send(port: u16, bytes: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    // The server may hang up at any point.
    let _sent = stream.write_all(bytes);
    let _closed = stream.shutdown(Shutdown::Write);
    let _answer = stream.take(100_000).read_to_end(&mut Vec::new());
}

#[test]
fn garbage_on_both_ports() {
    let lone = Lone::new();
    let mut server = lone.start();
    // Connections that say nothing stay open meanwhile.
    let ports = [lone.spec.client_port, lone.spec.peer_port];
    let silent: Vec<_> =
        ports.iter().cycle().take(50).map(|port| TcpStream::connect(("127.0.0.1", *port)).unwrap()).collect();
    for port in ports {
        for bytes in garbage() {
            send(port, &bytes);
        }
    }
    lone.wait_for_health(&mut server);
    assert_eq!(lone.probe().members().unwrap().len(), 1, "the peer port answers");
    drop(silent);
}

#[test]
fn requests_of_peers_that_are_none() {
    let lone = Lone::new();
    let mut server = lone.start();
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .proxy(None)
        .build()
        .new_agent();
    let peer = lone.spec.peer_url();
    let cluster = lone.probe().metrics().unwrap();
    let id = cluster.server_id().unwrap_or_default().to_owned();
    for path in [
        "raft",
        "raft/snapshot",
        "raft/stream/message/1",
        "raft/stream/msgapp/zz",
        "raft/probing",
        "members/x",
        "nothing",
    ] {
        let url = format!("{peer}/{path}");
        for (cluster_id, to) in [("", ""), ("zz", "zz"), ("1", "1"), ("ffffffffffffffffffff", &*id)] {
            let post = agent
                .post(&url)
                .header("X-Etcd-Cluster-ID", cluster_id)
                .header("X-Raft-To", to)
                .header("X-Server-From", "1")
                .header("X-Server-Version", "not a version")
                .send(&[0xff_u8; 4096][..]);
            let get = agent.get(&url).header("X-Etcd-Cluster-ID", cluster_id).header("X-Raft-To", to).call();
            for (method, answer) in [("POST", post), ("GET", get)] {
                // An answer that the server cuts short is as good as a refusal.
                let Ok(answer) = answer else { continue };
                let status = answer.status().as_u16();
                let harmless = path == "raft/probing";
                assert!(harmless || (400..500).contains(&status), "{method} {path} {cluster_id:?}: {status}");
            }
        }
    }
    lone.wait_for_health(&mut server);
}
