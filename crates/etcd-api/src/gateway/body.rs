//! The JSON values of a request's body, one after the other.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tonic::{Code, Status};

use super::scan::Scanner;
use crate::api::{Inflight, Reserved};

/// Reads a body value by value. Each byte is looked at once, however it arrives.
pub(super) struct Values<B> {
    body: B,
    /// What has arrived of the next value, and perhaps more.
    buffer: BytesMut,
    scanner: Scanner,
    scanned: usize,
    /// Bytes that a value may take.
    limit: usize,
    inflight: Inflight,
    /// A share for the largest value, once one is larger than most.
    reserved: Option<Reserved>,
}

impl<B> Values<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    pub(super) fn new(body: B, limit: usize, inflight: Inflight) -> Self {
        let (buffer, scanner) = (BytesMut::new(), Scanner::default());
        Self { body, buffer, scanner, scanned: 0, limit, inflight, reserved: None }
    }

    /// The next value; `None` at the end of the body.
    ///
    /// Cancel safety: nothing is lost.
    ///
    /// # Errors
    /// With `mistake` for what is not JSON; `ResourceExhausted` for a value that is too large, or when too many large
    /// ones are there already; `Cancelled` when the client goes away.
    pub(super) async fn next(&mut self, mistake: Code) -> Result<Option<Bytes>, Status> {
        loop {
            let found = self.scanner.feed(&self.buffer[self.scanned..]);
            if let Some(used) = found.map_err(|wrong| Status::new(mistake, wrong.0))? {
                return Ok(Some(self.take(self.scanned + used)));
            }
            self.scanned = self.buffer.len();
            if self.scanned > self.limit {
                let limit = self.limit;
                return Err(Status::resource_exhausted(format!("a JSON value is larger than {limit} bytes")));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if self.reserved.is_none() && self.buffer.len() + data.len() > Inflight::SMALL {
                        self.reserved = self.inflight.reserve(self.limit)?;
                    }
                    self.buffer.extend_from_slice(&data);
                }
                Some(Err(_)) => return Err(Status::cancelled("the request was not sent to its end")),
                None if !self.scanner.began() => return Ok(None),
                None if self.scanner.is_complete_number() => return Ok(Some(self.take(self.scanned))),
                None => return Err(Status::new(mistake, "unexpected EOF")),
            }
        }
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.scanner = Scanner::default();
        self.scanned = 0;
        let value = self.buffer.split_to(length).freeze();
        if self.buffer.len() <= Inflight::SMALL {
            self.reserved = None;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;
    use tonic::Code;

    use super::{Inflight, Values};

    fn values(pieces: &[&'static str]) -> Values<Body> {
        let pieces: Vec<Result<&'static str, axum::Error>> = pieces.iter().copied().map(Ok).collect();
        Values::new(Body::from_stream(stream::iter(pieces)), 20, Inflight::new(1 << 20))
    }

    #[tokio::test]
    async fn values_come_one_by_one_however_they_are_cut() {
        let mut values = values(&["{\"a\"", ":1}{\"b\":", "[]}\n", "\n 7"]);
        for expected in ["{\"a\":1}", "{\"b\":[]}", "\n\n 7"] {
            let found = values.next(Code::InvalidArgument).await.expect("JSON").expect("a value");
            assert_eq!(found, expected);
        }
        assert!(values.next(Code::InvalidArgument).await.expect("the end").is_none());
    }

    #[tokio::test]
    async fn mistakes_carry_the_code_that_is_wanted() {
        for (pieces, code, text) in [
            (&["{"][..], Code::InvalidArgument, "unexpected EOF"),
            (
                &["{", "x"],
                Code::InvalidArgument,
                "invalid character 'x' looking for beginning of object key string",
            ),
            (
                &["{\"abcdefghi\":", "[1,2,3,4,5,", "6]}"],
                Code::ResourceExhausted,
                "a JSON value is larger than 20 bytes",
            ),
        ] {
            let found = values(pieces).next(Code::InvalidArgument).await.expect_err(text);
            assert_eq!((found.code(), found.message()), (code, text));
        }
    }
}
