//! The state machine that Raft drives: `etcd-apply`'s, with its outcomes on their way to whoever waits.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use etcd_apply::{AuthEvent, ClusterState, Machine, MembershipChange, Observer, Outcome, Reconfigure};
use etcd_consensus::{ApplyConfError, ApplyContext, StateMachine, Stop};
use etcd_membership::{Member, MemberId};
use etcd_proto::raftpb::{ConfChange, ConfState, Entry, SnapshotMetadata};
use etcd_storage::{Snapshot, Storage};
use etcd_transport::Transport;
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::auth::Authority;
use super::node::Mismatch;
use crate::data_dir::DataDir;
use crate::request_id::RequestIds;
use crate::slow_apply::SlowApply;
use crate::waiters::Waiters;

/// What the machine's surroundings are.
pub(crate) struct Surroundings {
    pub(crate) local: MemberId,
    pub(crate) data_dir: DataDir,
    pub(crate) cluster: ClusterState,
    pub(crate) authority: Arc<Authority>,
    pub(crate) ids: Arc<RequestIds>,
    pub(crate) slow_apply: Arc<SlowApply>,
    pub(crate) waiters: Arc<Waiters<Outcome>>,
    pub(crate) transport: Arc<OnceLock<Transport>>,
    pub(crate) mismatch: Arc<watch::Sender<Option<Mismatch>>>,
    /// Told when a lease comes or goes.
    pub(crate) leases_changed: Arc<Notify>,
}

/// Lives on the apply thread.
pub(crate) struct ReplicatedMachine {
    machine: Machine,
    storage: Storage,
    watcher: Watcher,
}

impl ReplicatedMachine {
    pub(crate) fn new(machine: Machine, storage: Storage, surroundings: Surroundings) -> Self {
        Self { machine, storage, watcher: Watcher(surroundings, None) }
    }
}

impl StateMachine for ReplicatedMachine {
    type Snapshot = Snapshot;

    fn apply(&mut self, entries: &[Entry], context: &ApplyContext) -> Result<(), Stop> {
        let mut begun = Instant::now();
        for entry in entries {
            self.machine.apply(entry, &mut Conf(context), &mut self.watcher).map_err(|error| stop(&error))?;
            let ended = Instant::now();
            let took = ended.duration_since(begun);
            self.watcher.0.slow_apply.note(entry.index, entry.data.len(), took);
            if let Some((kind, has_succeeded)) = self.watcher.1.take() {
                self.watcher.0.slow_apply.measure(kind, has_succeeded, took);
            }
            begun = ended;
        }
        Ok(())
    }

    fn durable_index(&self) -> u64 {
        self.storage.durable_mark()
    }

    fn snapshot_for(&mut self, to: u64) -> Result<(SnapshotMetadata, Snapshot), Stop> {
        let metadata = SnapshotMetadata {
            conf_state: self.machine.conf_state().cloned(),
            index: self.machine.applied(),
            term: self.machine.applied_term(),
        };
        let snapshot = self.storage.snapshot().map_err(|error| stop(&error))?;
        info!(peer_id = %MemberId::new(to), index = metadata.index, "took a snapshot for a member that is far behind");
        Ok((metadata, snapshot))
    }

    fn install(&mut self, snapshot: &SnapshotMetadata) -> Result<(), Stop> {
        let index = snapshot.index;
        let received = self.watcher.0.data_dir.incoming(index);
        self.storage.replace_with(&received).map_err(|error| stop(&error))?;
        self.machine.reload(index, &mut self.watcher).map_err(|error| stop(&error))?;
        info!(index, term = snapshot.term, "installed a snapshot from the leader");
        Ok(())
    }
}

/// Takes membership changes to the Raft thread.
struct Conf<'a>(&'a ApplyContext);

impl Reconfigure for Conf<'_> {
    fn apply_conf_change(&mut self, change: ConfChange) -> Result<ConfState, String> {
        match self.0.apply_conf_change(change) {
            Ok(state) => Ok(state),
            Err(ApplyConfError::Refused { source }) => {
                warn!(error = %source, "raft refused a membership change");
                Ok(self.0.conf_state())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Tells proposers their outcome, and the transport whom to talk to.
struct Watcher(
    Surroundings,
    /// What was carried out last, and whether it has succeeded, until that is measured.
    Option<(&'static str, bool)>,
);

impl Observer for Watcher {
    fn applied(&mut self, id: u64, outcome: Outcome) {
        if self.0.ids.is_ours(id) {
            self.0.waiters.complete(id, outcome);
        }
    }

    fn carried_out(&mut self, kind: &'static str, has_succeeded: bool) {
        self.1 = Some((kind, has_succeeded));
    }

    fn tokens_changed(&mut self, event: AuthEvent<'_>) {
        self.0.authority.follow(&event);
    }

    fn leases_changed(&mut self) {
        self.0.leases_changed.notify_waiters();
    }

    fn membership_changed(&mut self, change: MembershipChange) {
        match change {
            MembershipChange::Upserted(member) => self.connect(&member),
            MembershipChange::Removed(id) => self.disconnect(id),
            MembershipChange::Replaced => self.reconnect(),
            _ => {}
        }
    }
}

impl Watcher {
    fn connect(&self, member: &Member) {
        let Some(transport) = self.0.transport.get().filter(|_| member.id != self.0.local) else { return };
        let connected = transport
            .add_peer(member.id, &member.peer_urls)
            .and_then(|()| transport.update_peer(member.id, &member.peer_urls));
        if let Err(error) = connected {
            error!(peer_id = %member.id, %error, "cannot connect to a member");
        }
    }

    fn disconnect(&self, id: MemberId) {
        if id == self.0.local {
            self.0.mismatch.send_replace(Some(Mismatch::Removed { by: id }));
        } else if let Some(transport) = self.0.transport.get() {
            transport.remove_peer(id);
        }
    }

    /// After a snapshot: the whole membership may be another one.
    fn reconnect(&self) {
        let Some(transport) = self.0.transport.get() else { return };
        let cluster = self.0.cluster.get();
        for peer in transport.peer_status() {
            if cluster.member(peer.id).is_none() {
                transport.remove_peer(peer.id);
            }
        }
        cluster.members().for_each(|member| self.connect(member));
    }
}

/// The whole chain of an error in one line.
fn stop(error: &dyn std::error::Error) -> Stop {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason += &format!(": {cause}");
        source = cause.source();
    }
    Stop::new(reason)
}
