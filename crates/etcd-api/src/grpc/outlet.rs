//! One call that is answered by messages whenever there is something to tell, from a task.

use etcd_proto::prost::Message;
use http::Response;
use tokio::sync::mpsc;
use tonic::Status;

use super::call::with_content_type;
use super::stream::{Item, Messages, QUEUE};
use super::{Body, message};
use crate::Error;
use crate::metrics::{Count as _, Ongoing};

/// Takes the messages of one answer. Dropped before its end, the answer is cut off.
pub(crate) struct Outlet {
    queue: mpsc::Sender<Item>,
    ongoing: Ongoing,
}

impl Outlet {
    /// An outlet, and the response that it makes. It counts the call's end.
    pub(crate) fn open(ongoing: Ongoing) -> (Self, Response<Body>) {
        let (queue, messages) = mpsc::channel(QUEUE);
        (Self { queue, ongoing }, with_content_type(Body::stream(Messages::new(messages))))
    }

    /// Hands over the next message; waits for the client to have room.
    ///
    /// # Errors
    /// The client is gone.
    pub(crate) async fn send(&self, message: &impl Message) -> Result<(), Error> {
        let frame = message::encode(message).map_err(|status| Error::Unknown(status.message().into()))?;
        let size = frame.len();
        self.queue.send(Item::Message(frame)).await.map_err(|_| Error::Canceled)?;
        self.ongoing.sent(1, size);
        Ok(())
    }

    /// Returns when nobody listens any more.
    pub(crate) async fn is_abandoned(&self) {
        self.queue.closed().await;
    }

    /// Ends the answer, after what was handed over.
    pub(crate) async fn end(mut self, status: Status) {
        self.ongoing.done(status.code());
        // A client that is gone need not hear why.
        let _gone = self.queue.send(Item::End(Err(status))).await;
    }
}
