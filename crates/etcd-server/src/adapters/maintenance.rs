//! The maintenance of this member, for the API and for its own duties.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etcd_api::{Error, Maintenance, Replica as _, SnapshotSource};
use etcd_apply::{Request, Response};
use etcd_consensus::{HandOverError, TransferError};
use etcd_membership::MemberId;
use etcd_mvcc::HashKv;
use etcd_proto::etcdserverpb::alarm_request::AlarmAction;
use etcd_proto::etcdserverpb::downgrade_request::DowngradeAction;
use etcd_proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmType};
use etcd_storage::{Bucket, DefragmentError, Defragmented, Size, Snapshot, Storage};
use tracing::{info, warn};

use super::ServerReplica;
use super::errors::unexpected;
use crate::quota::Quota;

/// How often a defragmentation that waits for its turn looks.
const DEFRAGMENT_POLL: Duration = Duration::from_millis(50);

impl ServerReplica {
    /// What the database file takes on the disk, or will take at least once what is applied is committed.
    pub(crate) fn database_size(&self) -> u64 {
        self.0.storage.expected_size()
    }

    /// What the file takes on the disk, and about how much of that holds rows, both as of the last commit.
    pub(crate) fn committed_size(&self) -> Size {
        self.0.storage.size()
    }

    pub(crate) fn quota(&self) -> Quota {
        self.0.options.quota
    }

    /// Whether this member's alarm about space is raised.
    pub(crate) fn is_out_of_space(&self) -> bool {
        self.0.alarms.is_raised(self.0.member_id.get(), AlarmType::Nospace)
    }

    /// Whether this member has raised that alarm by itself since the last time that this was asked.
    pub(crate) fn take_raised_alarm(&self) -> bool {
        self.0.has_raised_alarm.swap(false, Ordering::AcqRel)
    }

    /// Raises the alarm about a member whose data differ; 0 when nobody knows whose do.
    pub(crate) async fn raise_corrupt(&self, member: MemberId) -> Result<(), Error> {
        let (action, alarm) = (AlarmAction::Activate as i32, AlarmType::Corrupt as i32);
        self.alarm(AlarmRequest { action, member_id: member.get(), alarm }).await.map(drop)
    }

    /// The hashes of the last compactions, by ascending revision.
    pub(crate) fn compaction_hashes(&self) -> Vec<HashKv> {
        self.0.store.compaction_hashes()
    }

    /// Raises or clears this member's alarm about space.
    pub(crate) async fn propose_space_alarm(&self, action: AlarmAction) -> Result<(), Error> {
        let (member_id, alarm) = (self.0.member_id.get(), AlarmType::Nospace as i32);
        let _alarms = self.alarm(AlarmRequest { action: action as i32, member_id, alarm }).await?;
        if action == AlarmAction::Activate {
            // After it is raised: who finds this set finds the alarm, too.
            self.0.has_raised_alarm.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Raises the alarm before a client is told, so that it finds one when it looks.
    pub(super) async fn refuse_for_space(&self) -> Error {
        if !self.is_out_of_space()
            && let Err(error) = self.propose_space_alarm(AlarmAction::Activate).await
        {
            warn!(%error, "cannot raise the alarm about this member's space yet");
        }
        Error::NoSpace
    }
}

impl Maintenance for ServerReplica {
    async fn alarm(&self, request: AlarmRequest) -> Result<Vec<AlarmMember>, Error> {
        match self.propose_by(None, Request::Alarm(request)).await? {
            Response::Alarms(alarms) => Ok(alarms),
            other => Err(unexpected(&other)),
        }
    }

    async fn hash(&self) -> Result<u32, Error> {
        let storage = self.0.storage.clone();
        let hash = move || storage.snapshot().map_err(internal)?.hash(is_own).map_err(internal);
        tokio::task::spawn_blocking(hash).await.map_err(|_| Error::Stopped)?
    }

    async fn defragment(&self) -> Result<(), Error> {
        let storage = self.0.storage.clone();
        info!("starting defragment");
        // Goes on when the client leaves.
        let done = tokio::task::spawn_blocking(move || defragment_in_turn(&storage)).await;
        match done.map_err(|_| Error::Stopped)? {
            Ok(_sizes) => Ok(()),
            Err(error) => {
                warn!(error = chain(&error), "failed to defragment");
                Err(internal(error))
            }
        }
    }

    async fn snapshot(&self) -> Result<Box<dyn SnapshotSource>, Error> {
        let storage = self.0.storage.clone();
        let version = self.status().storage_version.unwrap_or_default();
        let pin = move || -> Result<Box<dyn SnapshotSource>, Error> {
            let snapshot = storage.snapshot().map_err(internal)?;
            let size = snapshot.encoded_len().map_err(internal)?;
            Ok(Box::new(Pinned { snapshot, size, version }))
        };
        tokio::task::spawn_blocking(pin).await.map_err(|_| Error::Stopped)?
    }

    async fn move_leader(&self, target: MemberId) -> Result<(), Error> {
        let inner = &self.0;
        if inner.cluster.get().member(target).is_none_or(|member| member.is_learner) {
            return Err(Error::BadLeaderTransferee);
        }
        let mut leadership = inner.raft.leadership();
        info!(from = %inner.member_id, to = %target, "leadership transfer starting");
        inner.raft.transfer_leader(target.get()).await.map_err(|error| match error {
            HandOverError::Refused { source: TransferError::NotLeader } => Error::NotLeader,
            HandOverError::Refused { .. } => Error::BadLeaderTransferee,
            _ => Error::Stopped,
        })?;
        let taken = leadership.wait_for(|leadership| leadership.leader == target.get());
        match tokio::time::timeout(inner.options.request_timeout, taken).await {
            Ok(Ok(_)) => {
                info!(from = %inner.member_id, to = %target, "leadership transfer finished");
                Ok(())
            }
            Ok(Err(_)) => Err(Error::Stopped),
            Err(_elapsed) => {
                Err(Error::Unknown("etcdserver: request timed out, leader transfer took too long".into()))
            }
        }
    }

    async fn downgrade(&self, action: DowngradeAction, version: String) -> Result<String, Error> {
        self.decide_downgrade(action, &version).await
    }
}

/// Waits for one that runs, as etcd does.
fn defragment_in_turn(storage: &Storage) -> Result<Defragmented, DefragmentError> {
    loop {
        match storage.defragment() {
            Err(DefragmentError::Running) => std::thread::sleep(DEFRAGMENT_POLL),
            done => return done,
        }
    }
}

/// The database as it was when a client asked for it.
struct Pinned {
    snapshot: Snapshot,
    size: u64,
    version: String,
}

impl SnapshotSource for Pinned {
    fn size(&self) -> u64 {
        self.size
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn write_to(&self, out: &mut dyn io::Write) -> io::Result<()> {
        self.snapshot.write_to(out).map(drop).map_err(io::Error::other)
    }
}

/// Whether a row is this member's own business: its place in the log, of which the committed data are independent.
fn is_own(bucket: Bucket, key: &[u8]) -> bool {
    bucket == Bucket::META && key == b"term"
}

fn internal(error: impl std::error::Error) -> Error {
    Error::Unknown(format!("etcdserver: {}", chain(&error)).into())
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}
