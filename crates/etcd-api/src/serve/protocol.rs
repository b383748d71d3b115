//! Which protocol a connection speaks: HTTP/2 opens with a fixed preface, all else is taken for HTTP/1.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::stream::Stream;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the protocol is known; the stream still yields what was read.
///
/// # Errors
/// `UnexpectedEof` when the client sends nothing, and what the socket answers.
pub(super) async fn detect(mut stream: Stream) -> io::Result<(Protocol, Replayed)> {
    let mut read = [0; PREFACE.len()];
    let mut len = 0;
    let protocol = loop {
        let count = stream.read(&mut read[len..]).await?;
        if count == 0 && len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        len += count;
        if count == 0 || read[..len] != PREFACE[..len] {
            break Protocol::Http1;
        }
        if len == PREFACE.len() {
            break Protocol::Http2;
        }
    };
    Ok((protocol, Replayed { read, from: 0, to: len, stream }))
}

/// A stream of which the first bytes were read already.
pub(super) struct Replayed {
    read: [u8; PREFACE.len()],
    from: usize,
    to: usize,
    stream: Stream,
}

impl AsyncRead for Replayed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.from == self.to {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = buffer.remaining().min(self.to - self.from);
        buffer.put_slice(&self.read[self.from..self.from + count]);
        self.from += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replayed {
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
