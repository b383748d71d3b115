//! What the maintenance service needs of the member, beyond reads and writes.

use std::future::Future;
use std::io;

use etcd_membership::MemberId;
use etcd_proto::etcdserverpb::downgrade_request::DowngradeAction;
use etcd_proto::etcdserverpb::{AlarmMember, AlarmRequest};

use crate::Error;

/// The upkeep of one member. Every method has the contract of [`crate::Replica`]'s; what a replica cannot do it answers
/// with [`Error::NotAvailable`], the default.
pub trait Maintenance: Clone + Send + Sync + 'static {
    /// Raises or clears an alarm through the log; answers the alarms that the request was about.
    fn alarm(&self, _request: AlarmRequest) -> impl Future<Output = Result<Vec<AlarmMember>, Error>> + Send {
        async { Err(Error::NotAvailable("raising and clearing alarms")) }
    }

    /// The checksum of everything that this member stores but its place in the log.
    fn hash(&self) -> impl Future<Output = Result<u32, Error>> + Send {
        async { Err(Error::NotAvailable("Hash")) }
    }

    /// Gives free space of this member's database back to the disk. Ends when that is done: it may take minutes.
    fn defragment(&self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Err(Error::NotAvailable("Defragment")) }
    }

    /// Pins this member's database, to be sent.
    fn snapshot(&self) -> impl Future<Output = Result<Box<dyn SnapshotSource>, Error>> + Send {
        async { Err(Error::NotAvailable("Snapshot")) }
    }

    /// Gives leadership, which this member must have, to another voter; ends when that one leads.
    fn move_leader(&self, _target: MemberId) -> impl Future<Output = Result<(), Error>> + Send {
        async { Err(Error::NotAvailable("MoveLeader")) }
    }

    /// Checks, begins or ends a downgrade of the cluster to `version`. Answers the cluster's present version.
    fn downgrade(
        &self,
        _action: DowngradeAction,
        _version: String,
    ) -> impl Future<Output = Result<String, Error>> + Send {
        async { Err(Error::NotAvailable("Downgrade")) }
    }
}

/// A pinned database. It costs space while it lives.
pub trait SnapshotSource: Send + 'static {
    /// How many bytes [`SnapshotSource::write_to`] writes.
    fn size(&self) -> u64;

    /// The version of the storage; empty while it is unknown.
    fn version(&self) -> String;

    /// Writes it; blocks.
    ///
    /// # Errors
    /// The database could not be read, or `out` failed.
    fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()>;
}
