//! Entries for the fuzz targets (`tests/fuzz`) into decoders that nobody else needs to reach. Not part of the API.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};

pub use crate::v2::fuzz_form as v2_form;

/// A JSON request of the gateway; the first byte chooses the method.
pub fn gateway_request(data: &[u8]) {
    if let Some((number, json)) = data.split_first() {
        crate::gateway::fuzz::request(usize::from(*number), json);
    }
}

/// An answer's bytes, written as JSON; the first byte chooses the method.
pub fn gateway_answer(data: &[u8]) {
    if let Some((number, wire)) = data.split_first() {
        crate::gateway::fuzz::answer(usize::from(*number), wire);
    }
}

/// The body of a unary gRPC request: in one piece, and in pieces as long as the first byte says, it gives the same.
///
/// # Panics
/// It does not.
pub fn grpc_body(data: &[u8]) {
    const LIMIT: usize = 1 << 20;
    let Some((piece, body)) = data.split_first() else { return };
    let whole = Full::new(Bytes::copy_from_slice(body));
    let pieces: Vec<_> = body
        .chunks(usize::from(*piece).max(1))
        .map(|piece| Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    let cut = StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync();
    // Nothing here waits: bodies are complete.
    let read =
        |body| futures_util::FutureExt::now_or_never(crate::grpc::read_message(body, LIMIT, |_| Ok(())));
    let whole = read(whole.boxed_unsync()).expect("a complete body is read at once");
    let cut = read(cut).expect("a complete body is read at once");
    assert_eq!(whole.is_ok(), cut.is_ok(), "the pieces matter");
    if let (Ok(whole), Ok(cut)) = (whole, cut) {
        assert_eq!(whole, cut, "the pieces matter");
    }
}
