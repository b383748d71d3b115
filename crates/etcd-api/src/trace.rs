//! Spans of calls, for whoever collects them.

use http::HeaderMap;
use tonic::Code;

/// Begins a span for each gRPC call. The API knows nothing of where spans go.
pub trait Tracer: Send + Sync + 'static {
    /// A call of `path` has come, such as `/etcdserverpb.KV/Put`; its headers may say which trace it belongs to.
    /// `None` when nobody wants to know of it.
    fn begin(&self, path: &str, headers: &HeaderMap) -> Option<Box<dyn Span>>;
}

/// A call that goes on.
pub trait Span: Send {
    /// The call has ended.
    fn end(self: Box<Self>, code: Code);
}

/// A span that ends with the answer: with its status, or as cancelled when the client has gone.
pub(crate) struct Traced {
    span: Option<Box<dyn Span>>,
    code: Code,
}

impl Traced {
    pub(crate) fn new(span: Box<dyn Span>) -> Box<Self> {
        Box::new(Self { span: Some(span), code: Code::Cancelled })
    }

    /// Looks for the call's status in headers or trailers.
    pub(crate) fn note(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Code::from_bytes(status.as_bytes());
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if let Some(span) = self.span.take() {
            span.end(self.code);
        }
    }
}
