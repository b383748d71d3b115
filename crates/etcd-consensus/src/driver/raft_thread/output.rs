//! What follows from a turn: messages, rounds for the log, entries for the state machine.

use tracing::info;

use super::super::machine::Stop;
use super::super::{apply_thread, wal_thread};
use super::RaftThread;
use crate::{Leadership, Output, Persist};

impl<S: 'static> RaftThread<S> {
    /// Every output may be what the barrier waits for: what it asks then belongs to the next output, and leaves
    /// with the same messages.
    pub(super) fn carry_out(&mut self) {
        while self.is_open() {
            let Some(output) = self.core.take_output() else { break };
            self.carry_out_one(output);
            self.ask();
        }
        self.send();
    }

    pub(super) fn send(&mut self) {
        if !self.unsent.is_empty() {
            self.outbox.send(std::mem::take(&mut self.unsent));
        }
    }

    pub(super) fn carry_out_one(&mut self, mut output: Output) {
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

    pub(super) fn persist(&mut self, persist: Persist) {
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
    pub(super) fn installed(&mut self) {
        let Some(mut persist) = self.installing.take() else { return };
        if let Some(mark) = persist.snapshot.take() {
            let _ = self.log(wal_thread::Job::Mark { hard_state: None, mark });
        }
        self.persist(persist);
    }

    pub(super) fn lead_changed(&self, now: Leadership) {
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

    pub(super) fn log(&self, job: wal_thread::Job) -> Result<(), Stop> {
        self.wal.send(job).map_err(|_| Stop::new("the log's thread ended"))
    }

    /// A closed channel means that the state machine stopped, and that somebody has said why.
    pub(super) fn hand(&self, job: apply_thread::Job) {
        let _ = self.apply.send(job);
    }
}
