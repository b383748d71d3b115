use futures_util::FutureExt as _;
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::Code;

use super::*;

/// What comes out of pieces of a body.
fn taken(pieces: &[&'static [u8]]) -> Result<Vec<Bytes>, Code> {
    let frames = pieces.iter().map(|piece| Ok::<_, Status>(Frame::data(Bytes::from_static(piece))));
    let mut messages = Messages::new(StreamBody::new(futures_util::stream::iter(frames)), 8);
    let mut taken = Vec::new();
    loop {
        match messages.next().now_or_never().expect("everything is there") {
            Ok(Some(message)) => taken.push(message),
            Ok(None) => return Ok(taken),
            Err(status) => return Err(status.code()),
        }
    }
}

#[test]
fn messages_come_out_however_they_were_cut() {
    const TWO: &[u8] = b"\0\0\0\0\x03abc\0\0\0\0\0\0\0\0\0\x02de";
    let expected = ["abc", "", "de"].map(Bytes::from);
    assert_eq!(taken(&[TWO]), Ok(expected.to_vec()));
    for cut in 0..TWO.len() {
        assert_eq!(taken(&[&TWO[..cut], b"", &TWO[cut..]]), Ok(expected.to_vec()), "cut at {cut}");
    }
    assert_eq!(taken(&[]), Ok(vec![]));
}

#[test]
fn what_is_no_message_is_refused() {
    assert_eq!(taken(&[b"\0\0\0\0\x09"]), Err(Code::ResourceExhausted));
    assert_eq!(taken(&[b"\x01\0\0\0\x01a"]), Err(Code::Unimplemented));
    assert_eq!(taken(&[b"\x02\0\0\0\x01a"]), Err(Code::Internal));
    assert_eq!(taken(&[b"\0\0\0\0\x02a"]), Err(Code::Internal));
}
