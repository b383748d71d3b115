//! Bridges between blocking readers and writers and the bodies of requests; bounded, so that each side waits for the
//! other.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::sync::mpsc;

/// Size of a chunk, in bytes, and how many may wait.
const CHUNK: usize = 128 << 10;
const WAITING: usize = 4;

type Chunk = io::Result<Bytes>;

/// A body that is written by a thread.
pub(crate) fn body(first: Bytes) -> (BodyWriter, ChannelBody, Arc<Progress>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let progress = Arc::new(Progress::default());
    let body = ChannelBody { first: Some(first), receiver, progress: Arc::clone(&progress), ended: false };
    (BodyWriter { sender, buffer: BytesMut::with_capacity(CHUNK) }, body, progress)
}

/// How far the sending of a body is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl Progress {
    /// Bytes handed to the connection.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether there are no more to come.
    pub(crate) fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// The writing end; without [`BodyWriter::finish`] the body ends in an error, never in silence.
pub(crate) struct BodyWriter {
    sender: mpsc::Sender<Option<Chunk>>,
    buffer: BytesMut,
}

impl BodyWriter {
    /// Ends the body well.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.push()?;
        self.sender.blocking_send(None).map_err(|_| gone())
    }

    fn push(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = self.buffer.split().freeze();
        self.buffer.reserve(CHUNK);
        self.sender.blocking_send(Some(Ok(chunk))).map_err(|_| gone())
    }
}

impl io::Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.buffer.len();
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.push()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

/// The reading end, which HTTP sends.
pub(crate) struct ChannelBody {
    first: Option<Bytes>,
    receiver: mpsc::Receiver<Option<Chunk>>,
    progress: Arc<Progress>,
    ended: bool,
}

impl Body for ChannelBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let chunk = match this.first.take() {
            Some(first) => Some(Some(Ok(first))),
            None => std::task::ready!(this.receiver.poll_recv(cx)),
        };
        match chunk {
            Some(Some(Ok(chunk))) => {
                this.progress.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Some(None) => {
                this.ended = true;
                this.progress.ended.store(true, Ordering::Relaxed);
                Poll::Ready(None)
            }
            Some(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            None => Poll::Ready(Some(Err(gone()))),
        }
    }
}

/// Feeds a thread that reads.
pub(crate) fn reader() -> (mpsc::Sender<Option<Chunk>>, BodyReader) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (sender, BodyReader { receiver, rest: Bytes::new(), ended: false })
}

/// Reads what was sent; a sender that vanishes without `None` is an error.
pub(crate) struct BodyReader {
    receiver: mpsc::Receiver<Option<Chunk>>,
    rest: Bytes,
    ended: bool,
}

impl io::Read for BodyReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            if self.ended {
                return Ok(0);
            }
            match self.receiver.blocking_recv() {
                Some(Some(Ok(chunk))) => self.rest = chunk,
                Some(Some(Err(error))) => return Err(error),
                Some(None) => self.ended = true,
                None => return Err(gone()),
            }
        }
        let taken = out.len().min(self.rest.len());
        out[..taken].copy_from_slice(&self.rest[..taken]);
        self.rest.advance(taken);
        Ok(taken)
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the other side has gone")
}

#[cfg(test)]
mod tests;
