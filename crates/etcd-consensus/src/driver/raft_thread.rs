//! The `raft` thread: owns the core, and never blocks but to sleep.

mod input;
mod output;
mod proposals;
mod reads;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use etcd_proto::raftpb;
use tokio::sync::oneshot;

use super::apply_thread;
use super::control::{Control, Inbound, Proposal};
use super::machine::Stop;
use super::options::Options;
use super::outbox::Outbox;
use super::pace::Pace;
use super::shared::Shared;
use super::wal_thread;
use crate::barrier::ReadBarrier;
use crate::{Core, Persist};

/// Rounds that may be under way before no more input is taken.
const MAX_ROUNDS: usize = 64;
/// How long the news of a commit may wait for an append that carries it. Clients of a follower that wait for an entry do
/// not wait for this; its watchers and serializable readers see the entry that much later.
const ANNOUNCE_AFTER: Duration = Duration::from_millis(2);
/// Messages, and proposals, that are taken in one turn.
const MAX_TAKEN: usize = 4096;

/// The ends of the queues that the raft thread serves.
pub(crate) struct Queues {
    pub(crate) proposals: Receiver<Proposal>,
    pub(crate) inbound: Receiver<Inbound>,
    /// Of these two, what is left in a queue when the thread ends must be dropped with it, because somebody waits for an
    /// answer: the standard library's channels do that, crossbeam's bounded ones keep it while there are senders.
    pub(crate) reads: mpsc::Receiver<oneshot::Sender<u64>>,
    pub(crate) controls: mpsc::Receiver<Control>,
}

/// Owns the core.
pub(crate) struct RaftThread<S> {
    pub(crate) core: Core,
    pub(crate) options: Options,
    pub(crate) queues: Queues,
    pub(crate) wal: Sender<wal_thread::Job>,
    pub(crate) apply: Sender<apply_thread::Job>,
    pub(crate) outbox: Arc<dyn Outbox<S>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) barrier: ReadBarrier<oneshot::Sender<u64>>,
    /// Messages of the present turn.
    pub(crate) unsent: Vec<raftpb::Message>,
    /// Data that followers forwarded to this leader, and who.
    pub(crate) forwarded: VecDeque<(u64, Bytes)>,
    /// Rounds that were handed to the log and are not durable.
    pub(crate) rounds: VecDeque<u64>,
    /// A round that waits for its snapshot to be installed; nothing is taken from the core meanwhile.
    pub(crate) installing: Option<Persist>,
    pub(crate) next_tick: Instant,
    /// When followers are told at the latest what is committed.
    pub(crate) announces_at: Option<Instant>,
    pub(crate) pace: Pace,
}

impl<S: 'static> RaftThread<S> {
    /// Runs until the member stops.
    pub(crate) fn run(mut self) -> Result<(), Stop> {
        self.shared.set_raft_thread(thread::current());
        while !self.shared.is_stopping() {
            if !self.turn() && self.may_sleep() {
                thread::park_timeout(self.wakes_at().saturating_duration_since(Instant::now()));
            }
        }
        if self.shared.stopped().borrow().is_none() {
            let hard_state = self.core.durable_hard_state();
            self.log(wal_thread::Job::Finish { hard_state })?;
        }
        Ok(())
    }

    /// Says what it will sleep for, and whether none of it has happened meanwhile.
    fn may_sleep(&self) -> bool {
        let mut awaits = self.core.awaits();
        awaits.persisted |= self.rounds.len() >= MAX_ROUNDS || self.waiting_proposals() > 0;
        awaits.applied |= self.barrier.waits_for_applied();
        self.shared.sleeps_for(awaits);
        let persisted = self.shared.persisted.load(Ordering::SeqCst);
        let is_durable = self.rounds.front().is_some_and(|round| *round <= persisted);
        let is_applied = self.shared.applied.load(Ordering::SeqCst) > self.core.status().applied;
        !(awaits.persisted && is_durable || awaits.applied && is_applied)
    }

    fn wakes_at(&self) -> Instant {
        let others = [self.pace.wait(), self.announces_at];
        others.into_iter().flatten().fold(self.next_tick, Instant::min)
    }

    /// Takes what has arrived and carries out what follows from it. Returns whether more can be taken at once.
    fn turn(&mut self) -> bool {
        self.tick();
        // Messages before reports: an answer to a round's messages must not overtake the round.
        let inbound = self.take_inbound();
        self.serve_controls();
        self.take_reports();
        inbound.into_iter().for_each(|inbound| self.step(inbound));
        self.take_reads();
        self.propose();
        self.ask();
        self.carry_out();
        self.announce();
        self.release_readers();
        self.publish();
        self.is_open()
            && (!self.queues.inbound.is_empty() || (self.may_propose() && self.waiting_proposals() > 0))
    }

    /// Missed ticks are not made up for: a member that was suspended must hear of its leader first.
    fn tick(&mut self) {
        let now = Instant::now();
        let Some(late) = now.checked_duration_since(self.next_tick) else { return };
        self.next_tick = (self.next_tick + self.options.tick).max(now);
        let heartbeat = u32::try_from(self.options.core.heartbeat_ticks).unwrap_or(u32::MAX);
        if self.core.is_leader() && late > self.options.tick.saturating_mul(heartbeat) {
            self.shared.metrics.heartbeat_send_failures.add(1);
        }
        self.core.tick();
        self.barrier.tick();
        self.pace.tick();
        self.shared.ticked();
        let gone = self.barrier.prune(oneshot::Sender::is_closed);
        self.shared.metrics.read_indexes_failed.add(gone as u64);
    }

    /// Lets followers know what is committed when no append has done so in time.
    fn announce(&mut self) {
        if !self.core.has_unannounced_commit() {
            self.announces_at = None;
            return;
        }
        let now = Instant::now();
        if now >= *self.announces_at.get_or_insert(now + ANNOUNCE_AFTER) {
            self.announces_at = None;
            self.core.announce_commit();
            self.carry_out();
        }
    }

    /// Whether the log and the state machine keep up well enough for more work.
    fn is_open(&self) -> bool {
        self.installing.is_none() && self.rounds.len() < MAX_ROUNDS
    }

    fn take_reports(&mut self) {
        let persisted = self.shared.persisted.load(Ordering::Acquire);
        if self.rounds.front().is_some_and(|round| *round <= persisted) {
            while self.rounds.pop_front_if(|round| *round <= persisted).is_some() {}
            self.core.persisted(persisted);
        }
        let applied = self.shared.applied.load(Ordering::Acquire);
        if applied > self.core.status().applied {
            self.core.applied(applied);
        }
    }

    fn publish(&self) {
        let status = self.core.status();
        self.shared.commit.store(status.commit, Ordering::Release);
        self.shared.last_index.store(status.last_index, Ordering::Release);
    }
}
