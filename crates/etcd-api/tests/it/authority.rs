//! Clients whose `:authority` is a URL, frame by frame.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::raw::PATIENCE;
use crate::server::Server;

const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x01;
const END_HEADERS: u8 = 0x04;

/// The header block of etcdctl 3.4.23 for `--endpoints=http://127.0.0.1:23790 endpoint status`.
const STATUS: &[u8] = b"\
    \x83\x86\x45\x97\x60\xa9\x24\x88\x2d\x9d\xcb\x65\x71\xaf\xa0\x66\xa9\x25\xa8\x75\x10\xac\x6e\x48\xd3\
    \x6a\x3f\x41\x90\x9d\x29\xae\xe3\x0c\x04\x4e\xae\x05\xc0\xb8\x6e\x09\x97\x5f\x07\x5f\x8b\x1d\x75\xd0\
    \x62\x0d\x26\x3d\x4c\x4d\x65\x64\x7a\x8b\x9a\xca\xc8\xb4\xc7\x60\x2b\xb2\xca\xec\xff\x40\x02\x74\x65\
    \x86\x4d\x83\x35\x05\xb1\x1f\x40\x89\x9a\xca\xc8\xb2\x4d\x49\x4f\x6a\x7f\x86\x0b\xef\xbe\x17\x1d\xb7\
    \x40\x8d\x25\x06\x2d\x49\x58\x75\x99\x6e\xe5\xb1\x06\x3d\x5f\x03\x33\x2e\x34\
    ";

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A call without arguments.
fn call(stream: u8, block: &[u8]) -> Vec<u8> {
    let headers = frame(HEADERS, END_HEADERS, stream, block);
    [headers, frame(DATA, END_STREAM, stream, &[0; 5])].concat()
}

struct Client(TcpStream);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.write_all(OPENING).await.expect("the server reads");
        Self(stream)
    }

    /// Sends, and reads until the stream has ended; answers the kinds of its frames.
    async fn exchange(&mut self, stream: u8, bytes: &[u8]) -> Vec<u8> {
        self.0.write_all(bytes).await.expect("the server reads");
        let mut kinds = Vec::new();
        loop {
            let (kind, flags, id) = timeout(PATIENCE, self.frame()).await.expect("an answer in time");
            if (kind, flags) == (SETTINGS, 0) {
                self.0.write_all(&frame(SETTINGS, 1, 0, &[])).await.expect("the server reads");
            }
            if id != stream {
                continue;
            }
            kinds.push(kind);
            if kind == RESET || flags & END_STREAM != 0 {
                return kinds;
            }
        }
    }

    async fn frame(&mut self) -> (u8, u8, u8) {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.expect("the connection stays open");
        let [high, middle, low, kind, flags, .., stream] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        self.0.read_exact(&mut payload).await.expect("a whole frame");
        (kind, flags, stream)
    }
}

const ANSWER: [u8; 3] = [HEADERS, DATA, HEADERS];

#[tokio::test]
async fn calls_of_an_old_client_are_answered() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address).await;
    assert_eq!(client.exchange(1, &call(1, STATUS)).await, ANSWER);
    // Again, now from the table: path, authority, content type, user agent, te, two more.
    assert_eq!(client.exchange(3, &call(3, b"\x83\x86\xc4\xc3\xc2\xc1\xc0\xbf\xbe")).await, ANSWER);
    // And as after an eviction, in two pieces.
    let pieces = [
        frame(HEADERS, 0, 5, &STATUS[..35]),
        frame(CONTINUATION, END_HEADERS, 5, &STATUS[35..]),
        frame(DATA, END_STREAM, 5, &[0; 5]),
    ];
    assert_eq!(client.exchange(5, &pieces.concat()).await, ANSWER);
}

#[tokio::test]
async fn only_urls_are_corrected() {
    let server = Server::start().await;
    let check = async |authority: &str, expected: &[u8]| {
        let length = u8::try_from(authority.len()).expect("a short authority");
        let path = b"\x83\x86\x44\x20/etcdserverpb.Maintenance/Status";
        let content = b"\x5f\x10application/grpc";
        let block = [path.as_slice(), &[0x41, length], authority.as_bytes(), content].concat();
        for byte_by_byte in [false, true] {
            let mut client = Client::connect(server.address).await;
            let call = call(1, &block);
            let (slowly, rest) = call.split_at(if byte_by_byte { call.len() - 1 } else { 0 });
            for byte in slowly {
                client.0.write_all(&[*byte]).await.expect("the server reads");
            }
            assert_eq!(client.exchange(1, rest).await, expected, "{authority}");
        }
    };
    for good in ["127.0.0.1:2379", "http://127.0.0.1:2379", "https://etcd:2379/", "unix:///run/etcd.sock"] {
        check(good, &ANSWER).await;
    }
    for bad in ["ftp://127.0.0.1:2379", "http://", "http://a b"] {
        check(bad, &[RESET]).await;
    }
}
