//! What a driver needs of the replicated state machine.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crossbeam_channel::bounded;
use etcd_proto::raftpb;

use super::control::{ChangeOfConf, Control};
use super::shared::Shared;
use crate::ConfChangeError;

/// The replicated state machine. Runs on the `apply` thread, one call at a time.
pub trait StateMachine: Send + 'static {
    /// A pinned state, ready to be sent to a follower; opaque to the driver.
    type Snapshot: Send + 'static;

    /// Applies committed entries, in order. A change of the configuration that the machine accepts is passed to
    /// `context` before the next entry, and the answer stored with it. An entry may be handed out again after a
    /// restart, when it is beyond [`StateMachine::durable_index`].
    ///
    /// # Errors
    /// Stops the member: an error here means that its state can no longer be trusted.
    fn apply(&mut self, entries: &[raftpb::Entry], context: &ApplyContext) -> Result<(), Stop>;

    /// The index up to which the state is durable. Polled; must be cheap.
    fn durable_index(&self) -> u64;

    /// The state as it is now, for member `to`. The metadata must be that of the last applied entry.
    ///
    /// # Errors
    /// Stops the member.
    fn snapshot_for(&mut self, to: u64) -> Result<(raftpb::SnapshotMetadata, Self::Snapshot), Stop>;

    /// Replaces the state by a received one, durably, before returning. The data came ahead of the message; the
    /// machine finds it by the index.
    ///
    /// # Errors
    /// Stops the member.
    fn install(&mut self, snapshot: &raftpb::SnapshotMetadata) -> Result<(), Stop>;
}

/// Why a member has to stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Stop {
    /// What an operator is told.
    pub reason: String,
}

impl Stop {
    /// A reason, one line.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// What a state machine may ask while it applies.
#[derive(Debug)]
pub struct ApplyContext {
    controls: SyncSender<Control>,
    shared: Arc<Shared>,
    /// As of the newest applied change.
    conf_state: RefCell<raftpb::ConfState>,
}

/// Why a change of the configuration had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyConfError {
    /// The change was refused, on every member alike. The configuration is unchanged.
    #[error("configuration change refused")]
    Refused {
        /// Why.
        source: ConfChangeError,
    },
    /// The member stops.
    #[error("stopped")]
    Stopped,
}

impl ApplyContext {
    pub(super) fn new(
        controls: SyncSender<Control>,
        shared: Arc<Shared>,
        conf_state: raftpb::ConfState,
    ) -> Self {
        Self { controls, shared, conf_state: RefCell::new(conf_state) }
    }

    /// The configuration as of the newest applied change.
    pub fn conf_state(&self) -> raftpb::ConfState {
        self.conf_state.borrow().clone()
    }

    pub(super) fn set_conf_state(&self, state: raftpb::ConfState) {
        self.conf_state.replace(state);
    }

    /// Brings a committed change into force and returns the configuration to store with it. Waits for the `raft`
    /// thread, which never waits for this one.
    ///
    /// # Errors
    /// When the change is refused, or the member stops.
    pub fn apply_conf_change(&self, change: raftpb::ConfChange) -> Result<raftpb::ConfState, ApplyConfError> {
        self.ask(ChangeOfConf::First(change))
    }

    /// As [`ApplyContext::apply_conf_change`], for entries of the second version.
    ///
    /// # Errors
    /// When the change is refused, or the member stops.
    pub fn apply_conf_change_v2(
        &self,
        change: raftpb::ConfChangeV2,
    ) -> Result<raftpb::ConfState, ApplyConfError> {
        self.ask(ChangeOfConf::Second(change))
    }

    fn ask(&self, change: ChangeOfConf) -> Result<raftpb::ConfState, ApplyConfError> {
        let (reply, answer) = bounded(1);
        self.controls.send(Control::ConfChange { change, reply }).map_err(|_| ApplyConfError::Stopped)?;
        self.shared.wake();
        let answer = answer.recv().map_err(|_| ApplyConfError::Stopped)?;
        let state = answer.map_err(|source| ApplyConfError::Refused { source })?;
        self.set_conf_state(state.clone());
        Ok(state)
    }
}
