//! The `apply` thread: runs the state machine.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use etcd_proto::prost::bytes::Bytes;
use etcd_proto::raftpb;

use super::checkpoint::Checkpoints;
use super::control::Control;
use super::machine::{ApplyContext, StateMachine, Stop};
use super::outbox::Outbox;
use super::shared::Shared;

/// How often an idle thread looks whether the storage has caught up with a checkpoint.
const POLL: Duration = Duration::from_millis(500);

/// Work for the state machine.
#[derive(Debug)]
pub(crate) enum Job {
    /// Committed entries.
    Entries(Vec<raftpb::Entry>),
    /// A received snapshot.
    Install(raftpb::SnapshotMetadata),
    /// A follower needs a snapshot: complete this message.
    Snapshot(raftpb::Message),
}

/// Owns the state machine.
pub(crate) struct ApplyThread<M: StateMachine> {
    pub(crate) machine: M,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) controls: SyncSender<Control>,
    pub(crate) outbox: Arc<dyn Outbox<M::Snapshot>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) context: ApplyContext,
    pub(crate) checkpoints: Checkpoints,
}

impl<M: StateMachine> ApplyThread<M> {
    /// Runs until the `raft` thread is gone.
    pub(crate) fn run(mut self) -> Result<(), Stop> {
        loop {
            match self.next() {
                Ok(Job::Entries(entries)) => self.apply(&entries)?,
                Ok(Job::Install(snapshot)) => self.install(&snapshot)?,
                Ok(Job::Snapshot(message)) => self.snapshot(message)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if self.checkpoints.is_waiting() {
                self.checkpoint();
            }
        }
    }

    fn next(&self) -> Result<Job, RecvTimeoutError> {
        if self.checkpoints.is_waiting() {
            return self.jobs.recv_timeout(POLL);
        }
        self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)
    }

    fn apply(&mut self, entries: &[raftpb::Entry]) -> Result<(), Stop> {
        let Some(last) = entries.last() else { return Ok(()) };
        self.machine.apply(entries, &self.context)?;
        self.checkpoints.applied(last.index, last.term, &self.context.conf_state());
        self.shared.report_applied(last.index);
        Ok(())
    }

    fn install(&mut self, snapshot: &raftpb::SnapshotMetadata) -> Result<(), Stop> {
        self.machine.install(snapshot)?;
        self.context.set_conf_state(snapshot.conf_state.clone().unwrap_or_default());
        self.checkpoints.restart(snapshot.index);
        self.tell(Control::Installed);
        self.shared.report_applied(snapshot.index);
        Ok(())
    }

    fn snapshot(&mut self, mut message: raftpb::Message) -> Result<(), Stop> {
        let (metadata, data) = self.machine.snapshot_for(message.to)?;
        message.snapshot = Some(raftpb::Snapshot { data: Bytes::new(), metadata: Some(metadata) });
        self.outbox.send_snapshot(message, data);
        Ok(())
    }

    fn checkpoint(&mut self) {
        if let Some(place) = self.checkpoints.take_durable(self.machine.durable_index()) {
            self.tell(Control::Checkpoint(place));
        }
    }

    /// A closed channel means that the member stops.
    fn tell(&self, control: Control) {
        let _ = self.controls.send(control);
        self.shared.wake();
    }
}
