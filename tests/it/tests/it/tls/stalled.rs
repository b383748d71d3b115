//! Handshakes that never end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use etcd_it::DEADLINE;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::material::{Curl, certificates, secure_member, start, until_said};

/// Connections to each port that begin a handshake and say no more; the server puts up with 1024 of them.
const STALLED: usize = 1200;

/// The first bytes of a TLS client hello.
const BEGUN: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00];

/// Lets this process have as many connections; its server inherits the limit, and raises it to the hard one itself.
fn allow_files(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < count) {
        let raised = Rlimit { current: Some(count), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("the hard limit of open files is high enough");
    }
}

#[test]
fn stalled_handshakes_delay_nobody_and_are_closed() {
    allow_files(2 * STALLED as u64 + 500);
    let (lone, _material) = secure_member();
    let files = certificates(&lone.spec).clone();
    let Some(curl) = Curl::trusting(&files.client_ca) else { return };
    let curl = curl.showing(&files.user);
    let server = start(&lone, &[]);
    let mut stalled = Vec::new();
    for number in 0..STALLED {
        for port in [lone.spec.client_port, lone.spec.peer_port] {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.write_all(&BEGUN[..number % (BEGUN.len() + 1)]).unwrap();
            stalled.push(stream);
        }
    }
    let peers = Curl::trusting(&files.peer_ca).unwrap().showing(&files.peer);
    for _ in 0..5 {
        curl.get(&format!("{}/health", lone.spec.client_url()), &[]).unwrap();
        peers.get(&format!("{}/members", lone.spec.peer_url()), &[]).unwrap();
    }
    // Each is closed by the server, with an alert or without.
    for mut stream in stalled {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
        }
    }
    until_said(&server, "TLS handshake given up: too many at once");
    until_said(&server, "TLS handshake timed out");
    curl.get(&format!("{}/health", lone.spec.client_url()), &[]).unwrap();
}
