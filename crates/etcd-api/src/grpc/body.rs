//! The body of every answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};
use tonic::Status;

use super::stream::Messages;

/// An answer's body: gRPC messages and their trailers, nothing, or what an HTTP handler produced.
#[derive(Default)]
pub(crate) struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// The frame of the only message, then `grpc-status: 0`.
    Message(Bytes),
    Success,
    Stream(Messages),
    Http(axum::body::Body),
}

impl Body {
    /// A successful answer of one message, given as its complete frame.
    pub(crate) fn message(frame: Bytes) -> Self {
        Self(Kind::Message(frame))
    }

    /// The messages of a stream, as they come.
    pub(super) fn stream(messages: Messages) -> Self {
        Self(Kind::Stream(messages))
    }

    /// The body of an answer from elsewhere.
    pub(crate) fn http(body: axum::body::Body) -> Self {
        Self(Kind::Http(body))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Message(frame) => {
                let frame = std::mem::take(frame);
                self.0 = Kind::Success;
                Poll::Ready(Some(Ok(Frame::data(frame))))
            }
            Kind::Success => {
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::trailers(success()))))
            }
            Kind::Stream(messages) => match messages.poll(context) {
                Poll::Ready(Ok(frame)) => Poll::Ready(Some(Ok(Frame::data(frame)))),
                Poll::Ready(Err(ended)) => {
                    self.0 = Kind::Empty;
                    Poll::Ready(Some(Ok(Frame::trailers(trailers(&ended)))))
                }
                Poll::Pending => Poll::Pending,
            },
            Kind::Http(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Message(_) | Kind::Success | Kind::Stream(_) => false,
            Kind::Http(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            // A gRPC answer carries no content length.
            Kind::Message(_) | Kind::Success | Kind::Stream(_) => SizeHint::default(),
            Kind::Http(body) => body.size_hint(),
        }
    }
}

fn trailers(ended: &Result<(), Status>) -> HeaderMap {
    let Err(status) = ended else { return success() };
    let mut trailers = HeaderMap::with_capacity(2);
    if status.add_header(&mut trailers).is_err() {
        // The text is not one that a header can carry; the code is.
        trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from(status.code() as i32));
    }
    trailers
}

fn success() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    trailers
}
