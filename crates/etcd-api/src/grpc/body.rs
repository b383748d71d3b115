//! The body of every answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};

/// An answer's body: one gRPC message and its trailers, nothing, or what an HTTP handler produced.
#[derive(Default)]
pub(crate) struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// The frame of the only message, then `grpc-status: 0`.
    Message(Bytes),
    Success,
    Http(axum::body::Body),
}

impl Body {
    /// A successful answer of one message, given as its complete frame.
    pub(crate) fn message(frame: Bytes) -> Self {
        Self(Kind::Message(frame))
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
            Kind::Http(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Message(_) | Kind::Success => false,
            Kind::Http(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            // A gRPC answer carries no content length.
            Kind::Message(_) | Kind::Success => SizeHint::default(),
            Kind::Http(body) => body.size_hint(),
        }
    }
}

fn success() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    trailers
}
