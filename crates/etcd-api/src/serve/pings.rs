//! Clients that ping too often: `--grpc-keepalive-min-time`.
//!
//! The HTTP/2 library answers pings by itself and tells nobody, so the frames of a connection are followed from outside:
//! of each the nine bytes of its head are looked at, and everything passes as it is. A client that pings too often is told
//! so with a GOAWAY frame, as gRPC has it, and its connection ends.

mod rule;
mod walk;

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use rule::Rule;
use walk::{Head, Walk};

/// What a connection opens with.
const PREFACE: usize = 24;
/// How long a client that was told to go may take to do so.
///
/// # Source
/// grpc-go `internal/transport/controlbuf.go`.
const FAREWELL: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 1 });

/// Held by each call of a connection until its answer is sent.
pub(crate) type Open = Arc<()>;

/// An HTTP/2 connection whose pings are counted.
pub(super) struct Policed<S> {
    stream: S,
    /// None where clients may ping as they like.
    police: Option<Box<Police>>,
}

struct Police {
    rule: Rule,
    /// As many more as there are open calls; see [`Police::has_calls`].
    calls: Open,
    received: Walk,
    sent: Walk,
    /// Whether a part of an answer was sent since the last ping.
    has_answered: bool,
    /// The last call that the client has begun.
    last_stream: u32,
    closing: Option<Closing>,
}

/// The end of a connection.
struct Closing {
    goaway: Vec<u8>,
    from: usize,
    is_shut: bool,
    deadline: Pin<Box<Sleep>>,
}

impl<S> Policed<S> {
    /// Counts pings, of which two must be `min_time` apart while there are calls. Every call of the connection holds a
    /// clone of `calls`; the caller keeps one besides.
    pub(super) fn new(stream: S, min_time: Option<Duration>, calls: Open) -> Self {
        let police = min_time.map(|min_time| {
            Box::new(Police {
                rule: Rule::new(min_time),
                calls,
                received: Walk::after(PREFACE),
                sent: Walk::after(0),
                has_answered: false,
                last_stream: 0,
                closing: None,
            })
        });
        Self { stream, police }
    }
}

impl Police {
    /// The police holds one, and so does whoever makes the clones for calls.
    fn has_calls(&self) -> bool {
        Arc::strong_count(&self.calls) > 2
    }

    /// Looks at what was received; answers whether it is too much.
    fn receive(&mut self, bytes: &[u8]) -> bool {
        let mut pings = 0_u32;
        let mut last_stream = self.last_stream;
        self.received.walk(bytes, |head| {
            if head.is_ping() {
                pings += 1;
            } else if head.is_headers() {
                last_stream = last_stream.max(head.stream());
            }
        });
        self.last_stream = last_stream;
        let is_too_much = |_| {
            let has_answered = std::mem::take(&mut self.has_answered);
            let has_calls = self.has_calls();
            self.rule.is_too_much(Instant::now(), has_calls, has_answered)
        };
        (0..pings).any(is_too_much)
    }

    /// Looks at what was sent.
    fn send(&mut self, bytes: &[u8]) {
        let has_answered = &mut self.has_answered;
        self.sent.walk(bytes, |head| *has_answered |= head.is_answer());
    }

    fn close(&mut self) {
        let goaway = Head::too_many_pings(self.last_stream);
        let deadline = Box::pin(sleep(FAREWELL));
        self.closing = Some(Closing { goaway, from: 0, is_shut: false, deadline });
    }
}

impl Closing {
    /// Says goodbye, then reads what still comes so that the client gets to read it: with unread bytes the system
    /// would reset the connection.
    fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        is_between_frames: bool,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.deadline.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if !is_between_frames {
            return Poll::Pending;
        }
        while self.from < self.goaway.len() {
            match ready!(Pin::new(&mut *stream).poll_write(context, &self.goaway[self.from..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.from += count,
            }
        }
        if !self.is_shut {
            ready!(Pin::new(&mut *stream).poll_flush(context))?;
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
            self.is_shut = true;
        }
        loop {
            let mut waste = [0; 512];
            let mut waste = ReadBuf::new(&mut waste);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut waste))?;
            if waste.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Policed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(police) = &mut this.police else {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        };
        if police.closing.is_none() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            if !police.receive(&buffer.filled()[before..]) {
                return Poll::Ready(Ok(()));
            }
            buffer.set_filled(before);
            police.close();
        }
        match &mut police.closing {
            Some(closing) => closing.poll(&mut this.stream, police.sent.is_between_frames(), context),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> Policed<S> {
    /// What of `bytes` may still be sent: all, the rest of a frame, or nothing.
    fn allowed<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        match &self.police {
            Some(police) if police.closing.is_some() => {
                &bytes[..bytes.len().min(police.sent.rest_of_frame())]
            }
            _ => bytes,
        }
    }

    const fn is_closing(&self) -> bool {
        matches!(&self.police, Some(police) if police.closing.is_some())
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Policed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = self.allowed(bytes);
        if allowed.is_empty() && !bytes.is_empty() {
            // The connection ends: what is no part of a frame that was begun goes nowhere.
            return Poll::Ready(Ok(bytes.len()));
        }
        let count = ready!(Pin::new(&mut self.stream).poll_write(context, allowed))?;
        if let Some(police) = &mut self.police {
            police.send(&allowed[..count]);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_closing() {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
            return self.poll_write(context, first);
        }
        let count = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        if let Some(police) = &mut self.police {
            let mut left = count;
            for slice in slices {
                let sent = &slice[..slice.len().min(left)];
                police.send(sent);
                left -= sent.len();
            }
        }
        Poll::Ready(Ok(count))
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
