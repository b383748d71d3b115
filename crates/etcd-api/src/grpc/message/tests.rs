//! Frames in pieces, too large, too many, and damaged.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use etcd_proto::etcdserverpb::PutRequest;
use etcd_proto::prost::Message as _;
use http_body::Frame;
use proptest::prelude::any;
use proptest::{collection, prop_assert_eq, proptest};
use tonic::{Code, Status};

use super::{encode, read};

/// A body that arrives in these pieces.
struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}

fn read_pieces(pieces: &[&[u8]], limit: usize) -> Result<Bytes, Status> {
    let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    runtime.block_on(read(Pieces(pieces), limit, |_| Ok(())))
}

#[test]
fn messages_and_what_is_none() {
    let ok = |bytes: &'static [u8]| Ok(Bytes::from_static(bytes));
    let failed = |code: Code, text: &str| Err((code, text.to_owned()));
    let incomplete = || failed(Code::Internal, "grpc: the request ends inside its message");
    let check = |pieces: &[&[u8]], expected: Result<Bytes, (Code, String)>| {
        let found = read_pieces(pieces, 8).map_err(|status| (status.code(), status.message().to_owned()));
        assert_eq!(found, expected, "{pieces:?}");
    };
    check(&[b"\0\0\0\0\x03abc"], ok(b"abc"));
    check(&[b"\0\0\0\0\0"], ok(b""));
    check(&[b"\0", b"\0\0\0", b"\x03", b"a", b"", b"bc"], ok(b"abc"));
    check(&[b"\0\0\0\0\x08", b"12345678"], ok(b"12345678"));
    check(&[], failed(Code::Internal, "grpc: a unary request carries no message"));
    check(&[b"\0\0\0"], incomplete());
    check(&[b"\0\0\0\0\x03ab"], incomplete());
    check(
        &[b"\0\0\0\0\x03abc", b"\0\0\0\0\0"],
        failed(Code::Internal, "grpc: a unary request carries more than one message"),
    );
    check(
        &[b"\0\0\0\0\x09"],
        failed(Code::ResourceExhausted, "grpc: received message larger than max (9 vs. 8)"),
    );
    check(
        &[b"\0\xff\xff\xff\xff"],
        failed(Code::ResourceExhausted, "grpc: received message larger than max (4294967295 vs. 8)"),
    );
    check(&[b"\x01\0\0\0\0"], failed(Code::Unimplemented, "grpc: no decompressor is installed"));
    check(&[b"\x02\0\0\0\0"], failed(Code::Internal, "grpc: received unexpected payload format 2"));
}

#[test]
fn a_message_in_one_piece_is_not_copied() {
    let frame = Bytes::from_static(b"\0\0\0\0\x03abc");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    let message = runtime.block_on(read(Pieces([frame.clone()].into()), 8, |_| Ok(()))).unwrap();
    assert_eq!(message.as_ptr(), frame[5..].as_ptr());
}

#[test]
fn an_announced_message_can_be_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    let body = Pieces([Bytes::from_static(b"\0\0\0\0\x03")].into());
    let refused = runtime.block_on(read(body, 8, |size| Err(Status::aborted(size.to_string()))));
    assert_eq!(refused.unwrap_err().message(), "3");
}

proptest! {
    #[test]
    fn what_is_encoded_is_read_back(value in collection::vec(any::<u8>(), 0..300), cut in 1_usize..64) {
        let put = PutRequest { key: "k".into(), value: value.into(), ..PutRequest::default() };
        let frame = encode(&put).expect("it is small");
        let pieces: Vec<&[u8]> = frame.chunks(cut).collect();
        let message = read_pieces(&pieces, 1 << 10).expect("it is whole");
        prop_assert_eq!(PutRequest::decode(message).expect("it is valid"), put);
    }

    #[test]
    fn no_bytes_do_harm(pieces in collection::vec(collection::vec(any::<u8>(), 0..12), 0..6)) {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let whole: BytesMut = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        if let Ok(message) = read_pieces(&pieces, 64) {
            prop_assert_eq!(&message[..], &whole[5..]);
        }
    }
}
