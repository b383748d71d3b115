//! `--grpc-keepalive-min-time`: clients that ping too often are told so and let go, others are not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use etcd_it::{DEADLINE, Server, foreign, server};

use crate::lone::Lone;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const HEADERS: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// A client that speaks HTTP/2 by hand: no decent one would ping like this.
struct Pinger(TcpStream);

/// Why a connection has ended.
#[derive(Debug, PartialEq, Eq)]
struct Gone {
    code: u32,
    reason: String,
}

impl Pinger {
    fn connect(lone: &Lone) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", lone.spec.client_port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut pinger = Self(stream);
        pinger.0.write_all(PREFACE).unwrap();
        pinger.send(SETTINGS, 0, 0, b"");
        pinger
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind, flags]);
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).unwrap();
    }

    /// The next frame: kind, flags, payload.
    fn receive(&mut self) -> (u8, u8, Vec<u8>) {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).unwrap();
        (head[3], head[4], payload)
    }

    /// Begins a watch, which goes on without a word: a call that is open.
    fn watch(&mut self) {
        let mut block = Vec::new();
        for (name, value) in [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/etcdserverpb.Watch/Watch"),
            (":authority", "127.0.0.1"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ] {
            block.push(0);
            for word in [name, value] {
                block.push(u8::try_from(word.len()).unwrap());
                block.extend_from_slice(word.as_bytes());
            }
        }
        self.send(HEADERS, END_HEADERS, 1, &block);
    }

    /// Pings, and waits for the answer.
    fn ping(&mut self) -> Result<(), Gone> {
        self.send(PING, 0, 0, b"12345678");
        loop {
            match self.receive() {
                (PING, flags, payload) if flags & ACK != 0 => {
                    assert_eq!(payload, b"12345678");
                    return Ok(());
                }
                (GOAWAY, _, payload) => return Err(gone(&payload)),
                _ => {}
            }
        }
    }

    /// How many pings it takes to be sent away.
    fn pings_until_gone(&mut self, most: usize) -> Option<(usize, Gone)> {
        (1..=most).find_map(|count| self.ping().err().map(|gone| (count, gone)))
    }
}

fn gone(payload: &[u8]) -> Gone {
    Gone {
        code: u32::from_be_bytes(payload[4..8].try_into().unwrap()),
        reason: String::from_utf8_lossy(&payload[8..]).into_owned(),
    }
}

fn too_many() -> Gone {
    Gone { code: 0xb, reason: "too_many_pings".to_owned() }
}

/// Also with Debian's etcd, which shows that it is etcd's rule.
fn with_every_server(min_time: &str, check: impl Fn(&Lone)) {
    let programs = [Some(server()), foreign("etcd")];
    for program in programs.iter().flatten() {
        let lone = Lone::new();
        let _server = start(&lone, program, min_time);
        check(&lone);
    }
}

fn start(lone: &Lone, program: &Path, min_time: &str) -> Server {
    let flag = format!("--grpc-keepalive-min-time={min_time}");
    let mut server = Server::start_program(program, &lone.scratch, lone.with(&[&flag]), &[]);
    lone.wait_for_health(&mut server);
    server
}

#[test]
fn pings_without_a_call_are_too_many_soon() {
    with_every_server("1ms", |lone| {
        let mut pinger = Pinger::connect(lone);
        let (count, reason) = pinger.pings_until_gone(10).expect("it is sent away");
        // Go answers the last one before it says so.
        assert!(matches!(count, 4 | 5), "{count}");
        assert_eq!(reason, too_many());
        assert!(Pinger::connect(lone).ping().is_ok(), "another one is welcome");
    });
}

#[test]
fn pings_with_a_call_must_be_apart() {
    with_every_server("1h", |lone| {
        let mut pinger = Pinger::connect(lone);
        pinger.watch();
        let (_, reason) = pinger.pings_until_gone(10).expect("it is sent away");
        assert_eq!(reason, too_many());
    });
}

#[test]
fn polite_clients_may_go_on() {
    with_every_server("100ms", |lone| {
        let mut pinger = Pinger::connect(lone);
        pinger.watch();
        for _ in 0..8 {
            pinger.ping().unwrap();
            let answered = Instant::now();
            while answered.elapsed() < Duration::from_millis(150) {
                std::thread::sleep(Duration::from_millis(10)); // between two looks
            }
        }
    });
}

/// etcd says nothing to gRPC then, whose own rule is five minutes.
#[test]
fn zero_is_not_never() {
    with_every_server("0s", |lone| {
        let mut pinger = Pinger::connect(lone);
        pinger.watch();
        let (_, reason) = pinger.pings_until_gone(10).expect("it is sent away");
        assert_eq!(reason, too_many());
    });
}
