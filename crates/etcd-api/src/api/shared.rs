//! What the calls of one caller use, and what the calls of all do.

use std::ops::Deref;
use std::sync::Arc;

use etcd_proto::etcdserverpb::ResponseHeader;
use http::HeaderMap;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Inflight, Options};
use crate::auth::Credentials;
use crate::grpc::{SlowLog, leader_is_lost, wants_leader};
use crate::http::Access;
use crate::metrics::Metrics;
use crate::{Error, Replica};

/// Snapshots that are sent to clients at the same time.
const MAX_SNAPSHOTS: usize = 4;

/// What every call uses.
pub(crate) struct Shared<R> {
    /// Acts for whoever makes the call.
    pub(crate) replica: R,
    common: Arc<Common>,
    /// Whether a stream or a wait of the call ends when there is no leader.
    pub(crate) needs_leader: bool,
}

/// What is the same for everybody.
pub(crate) struct Common {
    pub(crate) options: Options,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Arc<Registry>,
    pub(crate) slow: SlowLog,
    pub(crate) inflight: Inflight,
    /// Snapshots that may be sent at once: each keeps the database from reusing space.
    pub(crate) snapshots: Arc<Semaphore>,
    /// Streams end with it.
    pub(crate) closing: CancellationToken,
    pub(crate) access: Access,
}

impl<R> Deref for Shared<R> {
    type Target = Common;

    fn deref(&self) -> &Common {
        &self.common
    }
}

impl Common {
    pub(super) fn new(options: Options, metrics: Metrics, registry: Arc<Registry>) -> Self {
        Self {
            slow: SlowLog::new(options.warning_unary_request_duration),
            inflight: Inflight::new(options.max_inflight_bytes),
            snapshots: Arc::new(Semaphore::new(MAX_SNAPSHOTS)),
            closing: CancellationToken::new(),
            access: Access::new(&options.cors, &options.host_whitelist),
            options,
            metrics,
            registry,
        }
    }
}

impl<R: Replica> Shared<R> {
    /// For everybody who has not said who he is.
    pub(super) fn new(replica: R, common: Common) -> Self {
        Self { replica, common: Arc::new(common), needs_leader: false }
    }

    /// The same for the calls of one client.
    pub(super) fn acting_for(&self, credentials: Credentials) -> Self {
        let (replica, common) = (self.replica.acting_for(credentials), Arc::clone(&self.common));
        Self { replica, common, needs_leader: false }
    }

    /// The same for a call with these headers that may last: a stream, or a wait for others.
    pub(crate) fn lasting(&self, headers: &HeaderMap) -> Self {
        let (replica, common) = (self.replica.clone(), Arc::clone(&self.common));
        Self { replica, common, needs_leader: wants_leader(headers) }
    }

    /// The same for somebody whose token may end while the call lasts.
    ///
    /// # Errors
    /// Those of [`crate::Accounts::for_long`].
    pub(crate) async fn for_long(&self) -> Result<Self, Error> {
        let (replica, common) = (self.replica.for_long().await?, Arc::clone(&self.common));
        Ok(Self { replica, common, needs_leader: self.needs_leader })
    }

    /// Ready when a call that lasts has to end though its client stays, with the reason.
    pub(crate) async fn ended(&self) -> Error {
        tokio::select! {
            () = self.closing.cancelled() => Error::Stopped,
            () = leader_is_lost(self), if self.needs_leader => Error::NoLeader,
        }
    }

    /// Fills a response header; the revision only when the replica left it out.
    pub(crate) fn fill(&self, header: &mut Option<ResponseHeader>) {
        let standing = self.replica.standing();
        let header = header.get_or_insert_default();
        header.cluster_id = standing.cluster_id.get();
        header.member_id = standing.member_id.get();
        header.raft_term = standing.term;
        if header.revision == 0 {
            header.revision = standing.revision;
        }
    }
}
