//! Raft's way out to the peers.

use std::io;
use std::sync::{Arc, OnceLock};

use etcd_consensus::Outbox;
use etcd_proto::raftpb::Message;
use etcd_storage::Snapshot;
use etcd_transport::{SnapshotSource, Transport};

/// Sends through the transport, once there is one: Raft starts first, and a lost message is Raft's daily bread.
pub(crate) struct PeerOutbox {
    transport: Arc<OnceLock<Transport>>,
}

impl PeerOutbox {
    pub(crate) fn new(transport: Arc<OnceLock<Transport>>) -> Self {
        Self { transport }
    }
}

impl Outbox<Snapshot> for PeerOutbox {
    fn send(&self, messages: Vec<Message>) {
        if let Some(transport) = self.transport.get() {
            transport.send(messages);
        }
    }

    fn send_snapshot(&self, message: Message, snapshot: Snapshot) {
        if let Some(transport) = self.transport.get() {
            transport.send_snapshot(message, Box::new(Database(snapshot)));
        }
    }
}

/// The database as it was when the snapshot was taken.
struct Database(Snapshot);

impl SnapshotSource for Database {
    fn write_to(self: Box<Self>, out: &mut dyn io::Write) -> io::Result<u64> {
        self.0.write_to(out).map_err(io::Error::other)
    }
}
