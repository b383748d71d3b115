//! One call that is answered by a stream of messages.
//!
//! The messages are made on a thread where blocking is allowed, and handed over one by one: a client that reads slowly
//! slows that thread down and nobody else. One that does not read at all is given up after a while.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_proto::prost::Message;
use http::{HeaderMap, Response};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::{Code, Status};

use super::call::{Received, receive, refuse, with_content_type};
use super::{Body, Rpc, message};
use crate::api::Shared;
use crate::metrics::{Count as _, Ongoing};
use crate::{Error, Replica};

/// Messages that wait for the client.
pub(super) const QUEUE: usize = 2;

/// How long a client may take to make room for the next message.
const STALL_LIMIT: Duration = Duration::from_secs(60);

/// A call that is answered by a stream.
pub(crate) trait StreamCall<R: Replica>: 'static {
    const RPC: Rpc;
    type Request: Message + Default + Send;

    /// Whether a learner answers it.
    fn for_learner(_request: &Self::Request) -> bool {
        false
    }

    /// Validates the request and takes hold of what it reads.
    fn prepare(
        request: Self::Request,
        api: &Arc<Shared<R>>,
    ) -> impl Future<Output = Result<Producer, Error>> + Send;
}

/// Sends the messages of one answer; runs where it may block.
pub(crate) type Producer = Box<dyn FnOnce(&Sink) -> Result<(), Error> + Send>;

/// Answers a call with a stream.
pub(crate) async fn answer_stream<R, C, B>(
    api: &Arc<Shared<R>>,
    headers: &HeaderMap,
    body: &mut B,
) -> Response<Body>
where
    R: Replica,
    C: StreamCall<R>,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let ongoing = api.metrics.ongoing(C::RPC);
    match prepare::<R, C, B>(api, headers, body).await {
        Ok((producer, deadline)) => produce(ongoing, producer, deadline),
        Err(status) => refuse(ongoing, status),
    }
}

/// Lets `producer` answer, on a thread of its own.
pub(super) fn produce(ongoing: Ongoing, producer: Producer, deadline: Option<Instant>) -> Response<Body> {
    let (queue, messages) = mpsc::channel(QUEUE);
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || Sink { queue, runtime, deadline, ongoing }.run(producer));
    with_content_type(Body::stream(Messages::new(messages)))
}

async fn prepare<R, C, B>(
    api: &Arc<Shared<R>>,
    headers: &HeaderMap,
    body: &mut B,
) -> Result<(Producer, Option<Instant>), Status>
where
    R: Replica,
    C: StreamCall<R>,
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let started = Instant::now();
    let received: Received<C::Request> =
        receive(api, headers, body, C::RPC, |call| (C::for_learner(call), C::RPC.access())).await?;
    let deadline = received.timeout.and_then(|timeout| started.checked_add(timeout));
    let producer = C::prepare(received.request, api).await?;
    Ok((producer, deadline))
}

/// Takes the messages of one answer.
pub(crate) struct Sink {
    queue: mpsc::Sender<Item>,
    runtime: Handle,
    deadline: Option<Instant>,
    ongoing: Ongoing,
}

/// What waits for the client.
#[derive(Debug)]
pub(super) enum Item {
    /// A message in its frame, or a part of one.
    Message(Bytes),
    /// The end, without which the answer was cut off.
    End(Result<(), Status>),
}

impl Sink {
    /// Hands over the next message; waits for the client to have room.
    ///
    /// # Errors
    /// The client is gone, does not read, or has set a deadline that has passed; nothing more can be sent.
    pub(crate) fn send(&self, message: &impl Message) -> Result<(), Error> {
        let frame = message::encode(message).map_err(|status| Error::Unknown(status.message().into()))?;
        self.send_frame(frame)
    }

    /// As [`Sink::send`], of a message that is encoded and in its frame.
    pub(crate) fn send_frame(&self, frame: Bytes) -> Result<(), Error> {
        let size = frame.len();
        self.send_part(frame)?;
        self.count_message(size);
        Ok(())
    }

    /// As [`Sink::send`], of some bytes of a message, which the caller counts.
    pub(crate) fn send_part(&self, part: Bytes) -> Result<(), Error> {
        self.put(Item::Message(part))
    }

    /// Counts a message whose frame has `size` bytes.
    pub(crate) fn count_message(&self, size: usize) {
        self.ongoing.sent(1, size);
    }

    fn run(mut self, producer: Producer) {
        let ended = producer(&self).map_err(Status::from);
        self.ongoing.done(ended.as_ref().map_or_else(Status::code, |()| Code::Ok));
        if self.put(Item::End(ended)).is_err() {
            self.ongoing.done(Code::Cancelled);
        }
    }

    fn put(&self, item: Item) -> Result<(), Error> {
        let item = match self.queue.try_send(item) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Error::Canceled),
            Err(mpsc::error::TrySendError::Full(item)) => item,
        };
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map_or(STALL_LIMIT, |left| left.min(STALL_LIMIT));
        let sent = async { tokio::time::timeout(limit, self.queue.send(item)).await };
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_gone)) => Err(Error::Canceled),
            Err(_elapsed) => Err(Error::DeadlineExceeded),
        }
    }
}

/// The messages as a body hands them out.
pub(super) struct Messages(mpsc::Receiver<Item>);

impl Messages {
    pub(super) fn new(items: mpsc::Receiver<Item>) -> Self {
        Self(items)
    }

    /// The next frame; after the last one how the answer ended.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Result<(), Status>>> {
        Pin::new(&mut self.0).poll_recv(context).map(|item| match item {
            Some(Item::Message(frame)) => Ok(frame),
            Some(Item::End(ended)) => Err(ended),
            None => Err(Err(Status::internal("the answer was cut off"))),
        })
    }
}

/// What a producer sent.
#[cfg(test)]
pub(crate) struct Taken {
    pub(crate) parts: Vec<Bytes>,
    pub(crate) ended: Result<(), Status>,
}

/// Runs a producer and takes all that it sends.
#[cfg(test)]
pub(crate) fn take(
    runtime: &tokio::runtime::Runtime,
    producer: impl FnOnce(&Sink) -> Result<(), Error> + Send + 'static,
) -> Taken {
    let (queue, mut messages) = mpsc::channel(QUEUE);
    let handle = runtime.handle().clone();
    let thread = std::thread::spawn(move || {
        let ongoing = Ongoing::start(Arc::default(), Rpc::Range);
        Sink { queue, runtime: handle, deadline: None, ongoing }.run(Box::new(producer));
    });
    let mut parts = Vec::new();
    let ended = loop {
        match messages.blocking_recv() {
            Some(Item::Message(part)) => parts.push(part),
            Some(Item::End(ended)) => break ended,
            None => break Err(Status::internal("cut off")),
        }
    };
    let _ = thread.join();
    Taken { parts, ended }
}
