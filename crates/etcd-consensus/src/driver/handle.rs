//! The handle: what the rest of a server holds.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Sender, TrySendError};
use etcd_proto::raftpb;
use tokio::sync::{oneshot, watch};

use super::control::{Control, Inbound, Progress, Proposal, ProposalKind};
use super::metrics::Metrics;
use super::shared::Shared;
use super::status::Status;
use crate::{Leadership, TransferError};

/// A running member. Cheap to clone; the member stops with the last clone.
#[derive(Clone, Debug)]
pub struct Raft {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) id: u64,
    pub(super) max_apply_gap: u64,
    pub(super) election_ticks: usize,
    pub(super) tick: Duration,
    pub(super) proposals: Sender<Proposal>,
    pub(super) inbound: Sender<Inbound>,
    pub(super) reads: SyncSender<oneshot::Sender<u64>>,
    pub(super) controls: SyncSender<Control>,
    pub(super) shared: Arc<Shared>,
    pub(super) threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Why something was not handed to the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// Too much waits already. etcd: `etcdserver: too many requests`.
    #[error("too many requests")]
    TooManyRequests,
    /// The member has stopped, or is about to.
    #[error("stopped")]
    Stopped,
}

/// Why leadership was not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandOverError {
    /// The member cannot do it.
    #[error("cannot hand over")]
    Refused {
        /// Why.
        source: TransferError,
    },
    /// The member has stopped.
    #[error("stopped")]
    Stopped,
}

impl Raft {
    pub(super) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Proposes data. Does not wait: the outcome arrives through the state machine, or never. While there is no
    /// leader the proposal waits in the queue, for [`Options::proposal_timeout`](crate::Options) at most, as it
    /// does in etcd.
    ///
    /// # Errors
    /// It was not proposed, and will not be.
    pub fn propose(&self, data: Bytes) -> Result<(), SubmitError> {
        let shared = &self.inner.shared;
        let gap =
            shared.commit.load(Ordering::Relaxed).saturating_sub(shared.applied.load(Ordering::Relaxed));
        if gap > self.inner.max_apply_gap {
            return Err(SubmitError::TooManyRequests);
        }
        self.submit(ProposalKind::Data(data))
    }

    /// Proposes data that only the leader of `term` may ask for: it is put into the log in that term or not at all, and
    /// never forwarded. Otherwise as [`Raft::propose`]; the limit on what waits to be applied is the caller's to keep.
    ///
    /// # Errors
    /// It was not proposed, and will not be.
    pub fn propose_as_leader(&self, data: Bytes, term: u64) -> Result<(), SubmitError> {
        self.submit(ProposalKind::AsLeader { data, term })
    }

    /// Whether ticks pass. While they do not, as in a process that was suspended or has no processor, this member may
    /// have lost its leadership and not know.
    ///
    /// # Source
    /// etcd `server/etcdserver/server.go` isActive.
    pub fn is_ticking(&self) -> bool {
        self.inner.shared.since_tick() <= self.inner.tick * 3
    }

    /// Proposes a change of the configuration. One that finds another one under way is replaced by an empty entry:
    /// its id never reaches the state machine.
    ///
    /// # Errors
    /// It was not proposed, and will not be.
    pub fn propose_conf_change(&self, change: raftpb::ConfChange) -> Result<(), SubmitError> {
        self.submit(ProposalKind::ConfChange(Box::new(change)))
    }

    /// Waits until reads are linearizable: everything that was acknowledged before the call is applied. Returns
    /// the index that the leader named. Waits as long as there is no answer; drop the future to give up.
    ///
    /// # Errors
    /// Too many readers wait, or the member stops.
    pub async fn read_index(&self) -> Result<u64, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.inner.reads.try_send(reply).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => SubmitError::TooManyRequests,
            mpsc::TrySendError::Disconnected(_) => SubmitError::Stopped,
        })?;
        self.inner.shared.wake();
        answer.await.map_err(|_| SubmitError::Stopped)
    }

    /// Takes a message of another member. Raft tolerates the loss of one that is refused.
    ///
    /// # Errors
    /// The queue is full, or the member stops.
    pub fn step(&self, message: raftpb::Message) -> Result<(), SubmitError> {
        self.receive(Inbound::Message(Box::new(message)))
    }

    /// A message to this member could not be delivered. Lost when the queue is full.
    pub fn report_unreachable(&self, id: u64) {
        let _ = self.receive(Inbound::Unreachable(id));
    }

    /// How the sending of a snapshot ended.
    pub fn report_snapshot(&self, id: u64, delivered: bool) {
        let _ = self.control(Control::SnapshotReport { id, delivered });
    }

    /// Begins to hand leadership to `to`. Watch [`Raft::leadership`] for the end of it.
    ///
    /// # Errors
    /// This member does not lead, `to` is not a voter, or the member stops.
    pub async fn transfer_leader(&self, to: u64) -> Result<(), HandOverError> {
        let (reply, answer) = oneshot::channel();
        self.control(Control::Transfer { to, reply }).map_err(|_| HandOverError::Stopped)?;
        let outcome = answer.await.map_err(|_| HandOverError::Stopped)?;
        outcome.map_err(|source| HandOverError::Refused { source })
    }

    /// What this member knows of the others as their leader. `None` when it does not lead, or stops.
    pub async fn progress(&self) -> Option<Vec<Progress>> {
        let (reply, answer) = oneshot::channel();
        self.control(Control::Progress { reply }).ok()?;
        answer.await.ok().flatten()
    }

    /// Lets all ticks but one of an election timeout pass, so that a starting member need not wait for them.
    ///
    /// # Source
    /// etcd `server/etcdserver/server.go` `adjustTicks`.
    pub fn advance_ticks(&self) {
        let _ = self.control(Control::Advance(self.inner.election_ticks.saturating_sub(1)));
    }

    /// Leader, term, role and indexes.
    pub fn status(&self) -> Status {
        Status::read(self.inner.id, &self.inner.shared)
    }

    /// Changes of leader, term and role, and their present values.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.shared.leadership.subscribe()
    }

    /// Becomes `Some` with the reason when the member had to stop: a disk that failed, a state machine that did.
    pub fn stopped(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.inner.shared.stopped()
    }

    /// Counters.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.shared.metrics
    }

    /// Proposals that wait for the raft thread.
    pub fn queued_proposals(&self) -> usize {
        self.inner.proposals.len()
    }

    /// Stops the member and waits until its log is closed. Blocks; idempotent. Not to be called from the state
    /// machine.
    pub fn stop(&self) {
        self.inner.shared.stop();
        let mut threads = self.inner.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A panic was reported by the thread itself.
            let _ = thread.join();
        }
    }

    fn submit(&self, kind: ProposalKind) -> Result<(), SubmitError> {
        let tick = self.inner.shared.tick.load(Ordering::Relaxed);
        put(&self.inner.proposals, Proposal { kind, tick })?;
        self.inner.shared.wake();
        Ok(())
    }

    fn receive(&self, inbound: Inbound) -> Result<(), SubmitError> {
        put(&self.inner.inbound, inbound)?;
        self.inner.shared.wake();
        Ok(())
    }

    fn control(&self, control: Control) -> Result<(), SubmitError> {
        self.inner.controls.send(control).map_err(|_| SubmitError::Stopped)?;
        self.inner.shared.wake();
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

fn put<T>(queue: &Sender<T>, item: T) -> Result<(), SubmitError> {
    queue.try_send(item).map_err(|error| match error {
        TrySendError::Full(_) => SubmitError::TooManyRequests,
        TrySendError::Disconnected(_) => SubmitError::Stopped,
    })
}
