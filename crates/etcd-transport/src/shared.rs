//! What every peer and every handler of one transport has in common.

use std::sync::Arc;

use etcd_membership::{ClusterId, MemberId};
use http::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;
use crate::net::Connector;
use crate::rate::Occasionally;
use crate::traffic::AppendsLog;
use crate::{Identity, Node, Options};

pub(crate) struct Shared {
    pub(crate) identity: Identity,
    /// [`Identity::request_headers`], made once.
    pub(crate) headers: HeaderMap,
    pub(crate) node: Arc<dyn Node>,
    pub(crate) options: Options,
    pub(crate) metrics: Metrics,
    pub(crate) cancel: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) snapshot_sends: Arc<Semaphore>,
    /// Messages with entries, out and in.
    pub(crate) sent_appends: AppendsLog,
    pub(crate) received_appends: AppendsLog,
    runtime: Handle,
    mismatches: Occasionally,
}

impl Shared {
    pub(crate) fn new(identity: Identity, node: Arc<dyn Node>, options: Options, metrics: Metrics) -> Self {
        let options = options.sane();
        Self {
            headers: identity.request_headers(),
            snapshot_sends: Arc::new(Semaphore::new(options.snapshot_sends)),
            identity,
            node,
            options,
            metrics,
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
            sent_appends: AppendsLog::default(),
            received_appends: AppendsLog::default(),
            runtime: Handle::current(),
            mismatches: Occasionally::default(),
        }
    }

    /// Dials as the options say.
    pub(crate) fn connector(&self) -> Connector {
        Connector {
            tls: self.options.tls.clone(),
            dial_timeout: self.options.dial_timeout,
            write_timeout: self.options.read_timeout,
        }
    }

    /// Callable from any thread.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// A peer refused a request of ours, because it belongs to another cluster.
    pub(crate) fn refused_by_cluster(&self, peer: MemberId, theirs: Option<ClusterId>, stream: bool) {
        if self.mismatches.now() {
            let (local, remote) = (self.identity.cluster, show(theirs));
            let member = self.identity.member;
            if stream {
                tracing::warn!(
                    remote_peer_id = %peer,
                    remote_peer_cluster_id = %remote,
                    local_member_id = %member,
                    local_member_cluster_id = %local,
                    error = "cluster ID mismatch",
                    "request sent was ignored by remote peer due to cluster ID mismatch"
                );
            } else {
                tracing::error!(
                    remote_peer_id = %peer,
                    remote_peer_cluster_id = %remote,
                    local_member_cluster_id = %local,
                    "request sent was ignored due to cluster ID mismatch"
                );
            }
        }
        if let Some(theirs) = theirs {
            self.node.cluster_id_mismatch(peer, theirs);
        }
    }

    /// We refused a request, because its sender belongs to another cluster.
    pub(crate) fn refused_cluster(&self, peer: Option<MemberId>, theirs: Option<ClusterId>) {
        if self.mismatches.now() {
            tracing::warn!(
                local_member_id = %self.identity.member,
                local_member_cluster_id = %self.identity.cluster,
                remote_peer_id = %peer.map_or_else(|| "unknown".to_owned(), |id| id.to_string()),
                remote_peer_cluster_id = %show(theirs),
                "request cluster ID mismatch"
            );
        }
        if let (Some(peer), Some(theirs)) = (peer, theirs) {
            self.node.cluster_id_mismatch(peer, theirs);
        }
    }
}

fn show(cluster: Option<ClusterId>) -> String {
    cluster.map_or_else(|| "unknown".to_owned(), |id| id.to_string())
}
