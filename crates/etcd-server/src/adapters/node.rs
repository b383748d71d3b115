//! The transport's view of this member.

use std::io;
use std::sync::Arc;

use etcd_apply::ClusterState;
use etcd_consensus::{Raft, SubmitError};
use etcd_membership::{ClusterId, Member, MemberId};
use etcd_proto::raftpb::Message;
use etcd_transport::{Node, ReceiveError};
use tokio::sync::watch;

use crate::data_dir::DataDir;

/// What a peer told us that decides over this member's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// The peer belongs to another cluster.
    Cluster { peer: MemberId, theirs: ClusterId },
    /// The cluster has removed this member.
    Removed { by: MemberId },
}

/// Hands what peers send to Raft.
pub(crate) struct PeerNode {
    raft: Raft,
    cluster: ClusterState,
    /// Who is in the cluster until the log has told.
    initial: Vec<Member>,
    data_dir: DataDir,
    mismatch: Arc<watch::Sender<Option<Mismatch>>>,
}

impl PeerNode {
    pub(crate) fn new(
        raft: Raft,
        cluster: ClusterState,
        initial: Vec<Member>,
        data_dir: DataDir,
        mismatch: Arc<watch::Sender<Option<Mismatch>>>,
    ) -> Self {
        Self { raft, cluster, initial, data_dir, mismatch }
    }
}

#[async_trait::async_trait]
impl Node for PeerNode {
    async fn receive(&self, messages: Vec<Message>) -> Result<(), ReceiveError> {
        for message in messages {
            match self.raft.step(message) {
                Ok(()) => {}
                // Raft makes up for what is lost; the sender must hear of it, so as to slow down.
                Err(SubmitError::TooManyRequests) => return Err(ReceiveError::Busy),
                Err(_) => return Err(ReceiveError::Stopped),
            }
        }
        Ok(())
    }

    fn is_removed(&self, id: MemberId) -> bool {
        self.cluster.get().is_removed(id)
    }

    fn report_unreachable(&self, id: MemberId) {
        self.raft.report_unreachable(id.get());
    }

    fn report_snapshot(&self, id: MemberId, ok: bool) {
        self.raft.report_snapshot(id.get(), ok);
    }

    fn members(&self) -> Vec<Member> {
        let members = self.cluster.members();
        if members.is_empty() { self.initial.clone() } else { members }
    }

    fn cluster_version(&self) -> Option<String> {
        self.cluster.get().version().map(|version| version.to_string())
    }

    fn cluster_id_mismatch(&self, peer: MemberId, theirs: ClusterId) {
        let news = Some(Mismatch::Cluster { peer, theirs });
        self.mismatch.send_if_modified(|told| std::mem::replace(told, news) != news);
    }

    fn removed_by_cluster(&self, peer: MemberId) {
        self.mismatch.send_replace(Some(Mismatch::Removed { by: peer }));
    }

    fn store_snapshot(&self, message: &Message, database: &mut dyn io::Read) -> io::Result<u64> {
        let metadata = message.snapshot.as_ref().and_then(|snapshot| snapshot.metadata.as_ref());
        let index = metadata.map_or(0, |metadata| metadata.index);
        etcd_storage::receive(&self.data_dir.incoming(index), database).map_err(io::Error::other)
    }
}
