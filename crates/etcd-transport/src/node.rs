//! What the transport needs of the member it serves.

use std::io;

use async_trait::async_trait;
use etcd_membership::{ClusterId, Member, MemberId};
use etcd_proto::raftpb::Message;

/// The node did not take messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The node has stopped, or stops.
    #[error("node is stopped")]
    Stopped,
    /// The node cannot take them now; the sender will hear that it was in vain.
    #[error("node is too busy")]
    Busy,
}

/// The owner of a transport. Every method may be called from many tasks at once; only [`Node::receive`] may wait and
/// only [`Node::store_snapshot`] may block.
#[async_trait]
pub trait Node: Send + Sync + 'static {
    /// Takes messages of one peer, in the order in which it sent them. Never empty.
    ///
    /// They are what the peer claims: kinds that make no sense from outside, wrong receivers and removed senders are
    /// for the node to drop. While it waits, the peer's stream is not read; after five seconds the peer gives up.
    async fn receive(&self, messages: Vec<Message>) -> Result<(), ReceiveError>;

    /// Whether this id was a member once and is none any more.
    fn is_removed(&self, id: MemberId) -> bool;

    /// A message to this peer was lost.
    fn report_unreachable(&self, id: MemberId);

    /// The snapshot for this peer arrived (`ok`), or did not.
    fn report_snapshot(&self, id: MemberId, ok: bool);

    /// The members as `/members` answers them.
    fn members(&self) -> Vec<Member>;

    /// The cluster version as `/version` answers it, `None` while the cluster has not decided.
    fn cluster_version(&self) -> Option<String>;

    /// The storage schema version as `/version` answers it, `None` while unknown.
    fn storage_version(&self) -> Option<String> {
        None
    }

    /// A peer belongs to another cluster: it asked us, or it refused us. Repeats with every attempt.
    fn cluster_id_mismatch(&self, peer: MemberId, theirs: ClusterId);

    /// A peer says that this member has been removed from the cluster; etcd stops then.
    fn removed_by_cluster(&self, peer: MemberId);

    /// Stores the database that comes with the snapshot message `message`; returns its size in bytes.
    ///
    /// Called on a thread where blocking is allowed. Reading returns an error when the peer fails half-way: what was
    /// stored must be discarded then. On success [`Node::receive`] gets the message next.
    ///
    /// # Errors
    /// Any; the peer is told that the snapshot failed.
    fn store_snapshot(&self, message: &Message, database: &mut dyn io::Read) -> io::Result<u64>;
}

/// A database to send.
pub trait SnapshotSource: Send + 'static {
    /// Writes all of it; returns its size in bytes. Called once, on a thread where blocking is allowed; writing
    /// returns an error when the peer fails half-way.
    ///
    /// # Errors
    /// Any; the peer then discards what it got.
    fn write_to(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<u64>;
}
