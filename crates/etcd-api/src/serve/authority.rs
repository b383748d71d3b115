//! Lets old clients in that send a whole URL as `:authority`.
//!
//! etcdctl 3.4 dials `http://127.0.0.1:2379` for some commands (`endpoint status`, `endpoint hashkv`), and its gRPC
//! sends that text as it is. Go's server takes any text; ours refuses the stream, for a URL is no authority. So the
//! first header block of a connection is looked at before HTTP/2 is: when it has such a URL, the URL is replaced by
//! its authority, there and in later header blocks. On all other connections nothing is looked at after that.

mod filter;
mod frame;
mod hpack;
mod huffman;

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use filter::Filter;

/// An HTTP/2 connection, from its preface on, whose `:authority` is always one.
pub(super) struct Corrected<S> {
    stream: S,
    /// None once there is nothing left to correct.
    corrector: Option<Box<Corrector>>,
}

struct Corrector {
    filter: Filter,
    /// What may be read, from `from` on.
    ready: Vec<u8>,
    from: usize,
}

impl<S> Corrected<S> {
    /// Corrects header blocks that take at most `limit` bytes; longer ones pass as they are.
    pub(super) fn new(stream: S, limit: usize) -> Self {
        let corrector = Corrector { filter: Filter::new(limit), ready: Vec::new(), from: 0 };
        Self { stream, corrector: Some(Box::new(corrector)) }
    }
}

impl Corrector {
    /// Moves what is ready into `buffer`; answers whether there was something.
    fn deliver(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let left = &self.ready[self.from..];
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        self.from += count;
        if self.from == self.ready.len() {
            self.ready.clear();
            self.from = 0;
        }
        count > 0
    }

    /// Takes what was read into `buffer` after its first `before` bytes; nothing there is the end of the stream.
    fn take(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let read = &buffer.filled()[before..];
        if read.is_empty() {
            self.filter.leave(&mut self.ready);
        } else {
            self.filter.feed(read, &mut self.ready);
        }
        buffer.set_filled(before);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Corrected<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while let Some(corrector) = &mut this.corrector {
            // Without room nothing can be read, which is not the end of the stream.
            if corrector.deliver(buffer) || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if corrector.filter.is_out() {
                this.corrector = None;
                break;
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            corrector.take(buffer, before);
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Corrected<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
