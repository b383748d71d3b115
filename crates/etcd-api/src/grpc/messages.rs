//! The messages of a request that is a stream.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tonic::Status;

use super::message::{PREFIX, size_in};

/// Takes messages out of a request's body, as they arrive.
pub(crate) struct Messages<B> {
    body: B,
    /// What has arrived and belongs to no message that was taken.
    rest: BytesMut,
    limit: usize,
}

impl<B: http_body::Body<Data = Bytes> + Unpin> Messages<B> {
    /// Messages of up to `limit` bytes.
    pub(crate) fn new(body: B, limit: usize) -> Self {
        Self { body, rest: BytesMut::new(), limit }
    }

    /// The next message, without its prefix; `None` at the end. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// `ResourceExhausted` above the limit; `Unimplemented` for a compressed message; `Cancelled` when the client went
    /// away; `Internal` for anything that is not a message.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
                Some(Err(_)) => return Err(Status::cancelled("the request was not sent to its end")),
                None if self.rest.is_empty() => return Ok(None),
                None => return Err(Status::internal("grpc: the request ends inside a message")),
            }
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(prefix) = self.rest.first_chunk::<PREFIX>() else { return Ok(None) };
        let size = size_in(*prefix, self.limit)?;
        if self.rest.len() < PREFIX + size {
            return Ok(None);
        }
        Ok(Some(self.rest.split_to(PREFIX + size).freeze().slice(PREFIX..)))
    }
}

#[cfg(test)]
mod tests;
