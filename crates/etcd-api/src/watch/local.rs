//! A watch stream for others in this process.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;

use etcd_proto::etcdserverpb::{WatchRequest, WatchResponse};
use http::HeaderMap;
use tokio::task::JoinHandle;
use tonic::Status;

use super::Session;
use super::encode::Encoder;
use crate::api::Shared;
use crate::grpc::{Admission, admit};
use crate::{Error, Replica};

/// The consumer's end of a watch stream. Dropping it ends the stream.
pub struct WatchStream<R: Replica> {
    session: Arc<Session<R>>,
    ready: VecDeque<WatchResponse>,
    keeper: JoinHandle<()>,
}

/// Opens a watch stream on behalf of a call with these headers: the same rules hold as for one over HTTP/2. Needs a
/// Tokio runtime.
///
/// # Errors
/// The call is not admitted, or this member has nothing to watch.
pub(crate) fn open<R: Replica>(api: &Arc<Shared<R>>, headers: &HeaderMap) -> Result<WatchStream<R>, Error> {
    let call = Admission { headers, standing: api.replica.standing(), for_learner: false, is_stream: true };
    admit(&call, &api.metrics)?;
    let session = Arc::new(Session::begin(api, headers)?);
    let keeper = tokio::spawn({
        let session = Arc::clone(&session);
        async move {
            let reason = session.keep().await;
            session.end(reason);
        }
    });
    Ok(WatchStream { session, ready: VecDeque::new(), keeper })
}

impl<R: Replica> WatchStream<R> {
    /// Does what is asked; answers come out of [`WatchStream::next`].
    pub async fn request(&self, request: WatchRequest) {
        self.session.request(request).await;
    }

    /// The next response. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The stream has come to its end.
    pub async fn next(&mut self) -> Result<WatchResponse, Status> {
        loop {
            if let Some(response) = self.ready.pop_front() {
                return Ok(response);
            }
            let mut batch = VecDeque::new();
            poll_fn(|context| self.session.poll(context, &mut batch)).await?;
            let mut encoder = Encoder::new(&self.session);
            self.ready.extend(batch.iter().flat_map(|response| encoder.messages(response)));
        }
    }
}

impl<R: Replica> Drop for WatchStream<R> {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}
