//! Where messages go.

use etcd_proto::raftpb;

/// The way to other members. Called from the `raft`, `wal` and `apply` threads; must not block.
pub trait Outbox<S>: Send + Sync + 'static {
    /// Sends, or drops and reports the member as unreachable. Messages to one member should stay in order.
    fn send(&self, messages: Vec<raftpb::Message>);

    /// Sends a snapshot with its data, and reports the outcome with
    /// [`Raft::report_snapshot`](crate::Raft::report_snapshot) in every case: until then, nothing else is sent to
    /// the follower.
    fn send_snapshot(&self, message: raftpb::Message, snapshot: S);
}
