//! One stream of watchers, whoever speaks through it.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcd_proto::etcdserverpb::watch_create_request::FilterType;
use etcd_proto::etcdserverpb::watch_request::RequestUnion;
use etcd_proto::etcdserverpb::{WatchCreateRequest, WatchRequest};
use etcd_watch::{End, Filters, Response, Stream, Watch, WatchError};
use http::HeaderMap;
use parking_lot::Mutex;
use tonic::Status;
use tracing::debug;

use crate::api::Shared;
use crate::grpc::{leader_is_lost, wants_leader};
use crate::{Error, Replica};

pub(crate) struct Session<R> {
    pub(super) api: Arc<Shared<R>>,
    pub(super) stream: Stream,
    wants_leader: bool,
    /// The watchers that want to hear how far they are, and whether they have had nothing since the last time.
    idle: Mutex<HashMap<i64, bool>>,
    /// Why the stream ends, if not by itself.
    reason: Mutex<Option<Status>>,
}

impl<R: Replica> Session<R> {
    /// Begins a stream for a call with these headers, which was admitted.
    pub(super) fn begin(api: &Arc<Shared<R>>, headers: &HeaderMap) -> Result<Self, Error> {
        Ok(Self {
            api: Arc::clone(api),
            stream: api.replica.watch()?,
            wants_leader: wants_leader(headers),
            idle: Mutex::default(),
            reason: Mutex::default(),
        })
    }

    /// Does what the client asks. The answers come out of the stream.
    pub(super) async fn request(&self, request: WatchRequest) {
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.create(create).await,
            Some(RequestUnion::CancelRequest(cancel)) => {
                if self.stream.cancel(cancel.watch_id) {
                    self.idle.lock().remove(&cancel.watch_id);
                }
            }
            Some(RequestUnion::ProgressRequest(_)) => self.stream.request_progress_all(),
            None => debug!("a watch stream carries a request that this version does not know"),
        }
    }

    /// # Source
    /// etcd 3.7 `server/etcdserver/api/v3rpc/watch.go` recvLoop.
    async fn create(&self, mut create: WatchCreateRequest) {
        if create.start_revision < 0 {
            return self.stream.refuse(WatchError::Compacted.to_string().into());
        }
        if create.key.is_empty() {
            create.key = Bytes::from_static(b"\0");
        }
        if let Err(error) = self.api.replica.permit_watch(&create).await {
            return self.stream.refuse(refusal(&error));
        }
        let notify = create.progress_notify;
        match self.stream.watch(watch(create)) {
            Ok(id) if notify => drop(self.idle.lock().insert(id, true)),
            Ok(_) => {}
            Err(error) => self.stream.refuse(error.to_string().into()),
        }
    }

    /// Everything that waits, into `batch`, which must be empty.
    pub(super) fn poll(
        &self,
        context: &mut Context<'_>,
        batch: &mut VecDeque<Response>,
    ) -> Poll<Result<(), Status>> {
        let outcome = ready!(self.stream.poll_batch(context, batch));
        Poll::Ready(match outcome {
            Ok(()) => {
                self.note(batch);
                Ok(())
            }
            Err(end) => Err(self.reason.lock().take().unwrap_or_else(|| end_status(end))),
        })
    }

    /// Brings the stream to its end, after what waits in it.
    pub(super) fn end(&self, reason: Status) {
        self.reason.lock().get_or_insert(reason);
        self.stream.end();
    }

    /// Tells from time to time how far watchers are. Returns, with the reason, when the stream has to end.
    pub(super) async fn keep(&self) -> Status {
        let mut lost = std::pin::pin!(leader_is_lost(&self.api));
        let interval = self.interval();
        loop {
            tokio::select! {
                () = &mut lost, if self.wants_leader => return Error::NoLeader.into(),
                () = tokio::time::sleep(interval) => self.tell_progress(),
            }
        }
    }

    fn tell_progress(&self) {
        let begun = Instant::now();
        let mut due = Vec::new();
        for (id, is_idle) in self.idle.lock().iter_mut() {
            if std::mem::replace(is_idle, true) {
                due.push(*id);
            }
        }
        due.into_iter().for_each(|id| self.stream.request_progress(id));
        self.api.metrics.watches().told_progress(begun.elapsed());
    }

    /// Up to a tenth longer than configured, so that not all streams speak at once after a restart.
    fn interval(&self) -> Duration {
        let interval = self.api.options.watch_progress_interval;
        let random = RandomState::new().hash_one(0) % 1000;
        interval + interval.mul_f64(random as f64 / 10_000.0)
    }

    /// Who has had events need not be told soon how far it is; who is gone, never.
    fn note(&self, batch: &VecDeque<Response>) {
        let mut idle = self.idle.lock();
        if idle.is_empty() {
            return;
        }
        for response in batch {
            match response {
                Response::Events(events) => {
                    if let Some(is_idle) = idle.get_mut(&events.id) {
                        *is_idle = false;
                    }
                }
                Response::Compacted { id, .. } => drop(idle.remove(id)),
                _ => {}
            }
        }
    }
}

fn watch(create: WatchCreateRequest) -> Watch {
    let leaves_out = |kind: FilterType| create.filters.contains(&(kind as i32));
    let filters =
        Filters { no_put: leaves_out(FilterType::Noput), no_delete: leaves_out(FilterType::Nodelete) };
    Watch {
        filters,
        key: create.key,
        range_end: create.range_end,
        start_revision: create.start_revision,
        previous: create.prev_kv,
        fragment: create.fragment,
        id: create.watch_id,
    }
}

/// Why a watcher is not permitted, as etcd says it: with the code, as Go prints a status.
///
/// # Source
/// etcd `server/etcdserver/api/v3rpc/watch.go` recvLoop.
fn refusal(error: &Error) -> Cow<'static, str> {
    let told = match error {
        Error::InvalidAuthToken | Error::AuthOldRevision | Error::UserEmpty => error,
        _ => &Error::PermissionDenied,
    };
    // All four have a name that is the same in Go.
    format!("rpc error: code = {:?} desc = {told}", told.code()).into()
}

fn end_status(end: End) -> Status {
    match end {
        End::Overflow => Error::TooManyRequests.into(),
        _ => Error::Stopped.into(),
    }
}
