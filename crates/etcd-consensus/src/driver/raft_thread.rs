//! The `raft` thread: owns the core, and never blocks but to sleep.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use etcd_proto::raftpb;
use tokio::sync::oneshot;
use tracing::{debug, info};

use super::apply_thread;
use super::control::{ChangeOfConf, Control, Inbound, Progress, Proposal, ProposalKind};
use super::machine::Stop;
use super::options::Options;
use super::outbox::Outbox;
use super::pace::Pace;
use super::shared::Shared;
use super::wal_thread;
use crate::barrier::{Asked, ReadBarrier};
use crate::{Core, Leadership, Output, Persist};

/// Rounds that may be under way before no more input is taken.
const MAX_ROUNDS: usize = 64;
/// Rounds that may be under way when more proposals are sent on their way: one that is being written, one that follows at once.
const ROUNDS_AHEAD: usize = 2;
/// Proposals that make the second of these rounds worth its messages, wake-ups and writes on every member. Fewer wait
/// and gather until the first one is durable.
const WORTH_A_ROUND: usize = 128;
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

    fn take_inbound(&self) -> Vec<Inbound> {
        if !self.is_open() {
            return Vec::new();
        }
        self.queues.inbound.try_iter().take(MAX_TAKEN).collect()
    }

    fn step(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Unreachable(id) => self.core.report_unreachable(id),
            Inbound::Message(message) => {
                let from = message.from;
                match self.core.take_forwarded(message) {
                    Ok(proposals) => self.take_forwarded(from, proposals),
                    Err(message) => self.step_message(*message),
                }
            }
        }
    }

    fn step_message(&mut self, message: raftpb::Message) {
        let from = message.from;
        if let Err(error) = self.core.step(message) {
            self.shared.metrics.messages_refused.add(1);
            debug!(peer_id = %format_args!("{from:x}"), %error, "refused a raft message");
        }
    }

    /// Followers' proposals wait for the next batch; too many are dropped, as on any way between members.
    fn take_forwarded(&mut self, from: u64, mut proposals: Vec<Bytes>) {
        let room = self.options.max_queued_proposals.saturating_sub(self.forwarded.len());
        let dropped = proposals.len().saturating_sub(room);
        self.shared.metrics.proposals_failed.add(dropped as u64);
        proposals.truncate(room);
        self.forwarded.extend(proposals.into_iter().map(|data| (from, data)));
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

    fn serve_controls(&mut self) {
        while let Ok(control) = self.queues.controls.try_recv() {
            self.serve(control);
        }
    }

    /// Whoever no longer waits for a reply has gone; nothing is to be done about it.
    fn serve(&mut self, control: Control) {
        match control {
            Control::ConfChange { change, reply } => {
                let outcome = match &change {
                    ChangeOfConf::First(change) => self.core.apply_conf_change(change),
                    ChangeOfConf::Second(change) => self.core.apply_conf_change_v2(change),
                };
                let _ = reply.send(outcome);
            }
            Control::Installed => self.installed(),
            Control::Checkpoint(mark) => {
                self.core.compact(mark.index.saturating_sub(self.options.catch_up_entries));
                let hard_state = Some(self.core.durable_hard_state());
                let _ = self.log(wal_thread::Job::Mark { hard_state, mark });
            }
            Control::SnapshotReport { id, delivered } => self.core.report_snapshot(id, delivered),
            Control::Transfer { to, reply } => {
                let _ = reply.send(self.core.transfer_leader(to));
            }
            Control::Progress { reply } => {
                let _ = reply.send(self.progress());
            }
            Control::Advance(ticks) => (0..ticks).for_each(|_| self.core.tick()),
        }
    }

    fn progress(&self) -> Option<Vec<Progress>> {
        let members = self.core.conf_state();
        let ids = members.voters.into_iter().chain(members.learners);
        let of = |id| self.core.progress_of(id).map(|(matched, active)| Progress { id, matched, active });
        self.core.is_leader().then(|| ids.filter_map(of).collect())
    }

    fn take_reads(&mut self) {
        let before = self.barrier.len();
        let room = self.options.max_readers.saturating_sub(before);
        for reader in self.queues.reads.try_iter().take(room) {
            self.barrier.add(reader);
        }
        self.pace.arrived(self.barrier.len() - before);
    }

    fn may_propose(&self) -> bool {
        self.is_open() && self.core.can_propose().is_ok() && self.has_round_free()
    }

    fn waiting_proposals(&self) -> usize {
        self.forwarded.len() + self.queues.proposals.len()
    }

    fn has_round_free(&self) -> bool {
        let under_way = self.rounds.len();
        under_way == 0 || (under_way < ROUNDS_AHEAD && self.waiting_proposals() >= WORTH_A_ROUND)
    }

    /// Proposes what has gathered, as one message where possible.
    fn propose(&mut self) {
        if self.waiting_proposals() == 0 || !self.may_propose() {
            return;
        }
        let now = self.shared.tick.load(Ordering::Relaxed);
        let timeout = self.options.in_ticks(self.options.proposal_timeout);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut forwarders = Vec::new();
        while batch.len() < MAX_TAKEN && bytes < self.options.core.max_message_bytes {
            if let Some((from, data)) = self.forwarded.pop_front() {
                if !forwarders.contains(&from) {
                    forwarders.push(from);
                }
                bytes += data.len() as u64;
                batch.push(data);
                continue;
            }
            let Ok(proposal) = self.queues.proposals.try_recv() else { break };
            match proposal.kind {
                _ if now.wrapping_sub(proposal.tick) > timeout => self.shared.metrics.proposals_failed.add(1),
                ProposalKind::AsLeader { term, .. } if !self.core.leads_in(term) => {
                    self.shared.metrics.proposals_failed.add(1);
                }
                ProposalKind::Data(data) | ProposalKind::AsLeader { data, .. } => {
                    bytes += data.len() as u64;
                    batch.push(data);
                }
                ProposalKind::ConfChange(change) => {
                    self.propose_batch(std::mem::take(&mut batch));
                    let dropped = self.core.propose_conf_change(&change).is_err();
                    self.shared.metrics.proposals_failed.add(u64::from(dropped));
                }
            }
        }
        self.propose_batch(batch);
        forwarders.into_iter().for_each(|id| self.core.announce_early_to(id));
    }

    fn propose_batch(&mut self, batch: Vec<Bytes>) {
        let count = batch.len() as u64;
        if let Err(error) = self.core.propose(batch) {
            self.shared.metrics.proposals_failed.add(count);
            debug!(count, %error, "dropped proposals");
        }
    }

    /// Every output may be what the barrier waits for: what it asks then belongs to the next output, and leaves
    /// with the same messages.
    fn carry_out(&mut self) {
        while self.is_open() {
            let Some(output) = self.core.take_output() else { break };
            self.carry_out_one(output);
            self.ask();
        }
        self.send();
    }

    fn send(&mut self) {
        if !self.unsent.is_empty() {
            self.outbox.send(std::mem::take(&mut self.unsent));
        }
    }

    fn carry_out_one(&mut self, mut output: Output) {
        if let Some(leadership) = output.leadership {
            self.lead_changed(leadership);
        }
        self.unsent.append(&mut output.messages);
        if let Some(persist) = output.persist {
            self.persist(persist);
        }
        if !output.committed.is_empty() {
            self.hand(apply_thread::Job::Entries(output.committed));
        }
        for message in output.snapshots {
            self.hand(apply_thread::Job::Snapshot(message));
        }
        output.read_states.into_iter().for_each(|state| self.barrier.answer(state));
    }

    fn persist(&mut self, persist: Persist) {
        if let Some(snapshot) = &persist.snapshot {
            info!(index = snapshot.index, term = snapshot.term, "installing a snapshot");
            let _ = self.log(wal_thread::Job::Install(snapshot.clone()));
            self.installing = Some(persist);
            return;
        }
        if !persist.messages_after.is_empty() {
            self.send(); // what another thread sends later must not overtake it
        }
        self.rounds.push_back(persist.round);
        let _ = self.log(wal_thread::Job::Round(persist));
    }

    /// The state machine holds the snapshot durably; now the log may say so.
    fn installed(&mut self) {
        let Some(mut persist) = self.installing.take() else { return };
        if let Some(mark) = persist.snapshot.take() {
            let _ = self.log(wal_thread::Job::Mark { hard_state: None, mark });
        }
        self.persist(persist);
    }

    /// Asks for readers, when it is time to. A leader that waits for a crowd lets its followers' questions wait too, so
    /// that they share its next round.
    fn ask(&mut self) {
        let waits = self.pace.wait().is_some();
        self.core.hold_rounds(waits);
        if waits {
            return;
        }
        match self.barrier.poll(&mut self.core) {
            Asked::No => return,
            Asked::First => {}
            Asked::Again => self.shared.metrics.slow_read_indexes.add(1),
        }
        self.pace.asked();
    }

    fn release_readers(&mut self) {
        let applied = self.shared.applied.load(Ordering::Acquire);
        while let Some((index, readers)) = self.barrier.release(applied) {
            for reader in readers {
                let _ = reader.send(index);
            }
        }
    }

    fn lead_changed(&self, now: Leadership) {
        let before = self.shared.leadership.send_replace(now);
        if now.leader == before.leader && now.role == before.role {
            return;
        }
        if now.leader != 0 && now.leader != before.leader {
            self.shared.metrics.leader_changes.add(1);
        }
        let (leader, term) = (format_args!("{:x}", now.leader), now.term);
        info!(leader_id = %leader, term, role = ?now.role, "leadership changed");
    }

    fn publish(&self) {
        let status = self.core.status();
        self.shared.commit.store(status.commit, Ordering::Release);
        self.shared.last_index.store(status.last_index, Ordering::Release);
    }

    fn log(&self, job: wal_thread::Job) -> Result<(), Stop> {
        self.wal.send(job).map_err(|_| Stop::new("the log's thread ended"))
    }

    /// A closed channel means that the state machine stopped, and that somebody has said why.
    fn hand(&self, job: apply_thread::Job) {
        let _ = self.apply.send(job);
    }
}
