//! The body of every answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Frame, SizeHint};
use tonic::Status;

use super::stream::Messages;
use crate::serve::Open;
use crate::trace::Traced;

/// An answer's body: gRPC messages and their trailers, nothing, or what an HTTP handler produced.
#[derive(Default)]
pub(crate) struct Body {
    kind: Kind,
    /// Tells the connection that the call is not over.
    _open: Option<Open>,
    /// Wants to know how the call ends.
    traced: Option<Box<Traced>>,
}

impl From<Kind> for Body {
    fn from(kind: Kind) -> Self {
        Self { kind, _open: None, traced: None }
    }
}

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
        Kind::Message(frame).into()
    }

    /// The messages of a stream, as they come.
    pub(super) fn stream(messages: Messages) -> Self {
        Kind::Stream(messages).into()
    }

    /// The same body, which holds `open` until it is sent.
    pub(crate) fn during(self, open: Option<Open>) -> Self {
        Self { _open: open, ..self }
    }

    /// The same body, which tells `traced` the status in its trailers.
    pub(crate) fn traced(self, traced: Box<Traced>) -> Self {
        Self { traced: Some(traced), ..self }
    }

    /// The body of an answer from elsewhere.
    pub(crate) fn http(body: axum::body::Body) -> Self {
        Kind::Http(body).into()
    }
}

impl Kind {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Message(frame) => {
                let frame = std::mem::take(frame);
                *self = Self::Success;
                Poll::Ready(Some(Ok(Frame::data(frame))))
            }
            Self::Success => {
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::trailers(success()))))
            }
            Self::Stream(messages) => match messages.poll(context) {
                Poll::Ready(Ok(frame)) => Poll::Ready(Some(Ok(Frame::data(frame)))),
                Poll::Ready(Err(ended)) => {
                    *self = Self::Empty;
                    Poll::Ready(Some(Ok(Frame::trailers(trailers(&ended)))))
                }
                Poll::Pending => Poll::Pending,
            },
            Self::Http(body) => http_body::Body::poll_frame(Pin::new(body), context),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = self.kind.poll_frame(context);
        if let Some(traced) = &mut self.traced
            && let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            traced.note(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Message(_) | Kind::Success | Kind::Stream(_) => false,
            Kind::Http(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
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
