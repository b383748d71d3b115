//! Against the examples of the specification, and against the encoder of another implementation.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, duplex};

use super::super::huffman::decode;

#[test]
fn strings_of_the_specification_are_decoded() {
    let check = |coded: &[u8], text: &str| {
        let decoded = decode(coded).map(|text| String::from_utf8_lossy(&text).into_owned());
        assert_eq!(decoded.as_deref(), Some(text));
    };
    check(b"", "");
    check(b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", "www.example.com");
    check(b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache");
    check(b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", "custom-key");
    check(b"\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3", "https://www.example.com");
    check(
        b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff",
        "Mon, 21 Oct 2013 20:13:21 GMT",
    );
}

#[test]
fn what_no_url_has_is_not_decoded() {
    // A backslash (19 bits), the end of string, a whole byte of padding, padding with a zero, a code that stops.
    for coded in [
        b"\xff\xfe\x1f".as_slice(),
        b"\xff\xff\xff\xff",
        b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff\xff",
        b"\xa8\xeb\x10\x64\x9c\xbe",
        b"\xff",
    ] {
        assert_eq!(decode(coded), None, "{coded:x?}");
    }
}

#[tokio::test]
async fn what_hyper_encodes_is_decoded() {
    let printable: Vec<u8> = (b' '..=b'~').filter(|byte| *byte != b'\\').collect();
    let value = [b"a", &*printable, b"a"].concat();
    let (client, mut server) = duplex(64 << 10);
    let (mut sender, connection) =
        handshake(TokioExecutor::new(), TokioIo::new(client)).await.expect("a pipe");
    tokio::spawn(connection);
    let request = http::Request::get("http://etcd/").header("x", value.as_slice());
    let _pending = sender.send_request(request.body(Empty::<Bytes>::new()).expect("a valid request"));
    // A literal that enters the table, and its name, coded.
    let name = b"\x40\x81\xf3";
    let mut sent = Vec::new();
    let coded = loop {
        let count = server.read_buf(&mut sent).await.expect("a pipe");
        assert!(count > 0, "the header is sent before the end: {sent:x?}");
        let Some(at) = sent.windows(name.len()).position(|bytes| bytes == name) else { continue };
        let Some((length, rest)) = sent[at + name.len()..].split_first() else { continue };
        if let Some(coded) = rest.get(..usize::from(length & 0x7f)) {
            break coded;
        }
    };
    assert_eq!(decode(coded), Some(value));
}
