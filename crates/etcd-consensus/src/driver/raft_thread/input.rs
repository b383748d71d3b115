//! What arrives: messages of peers, and what other threads of this member ask for.

use bytes::Bytes;
use etcd_proto::raftpb;
use tracing::debug;

use super::super::control::{ChangeOfConf, Control, Inbound, Progress};
use super::super::wal_thread;
use super::{MAX_TAKEN, RaftThread};

impl<S: 'static> RaftThread<S> {
    pub(super) fn take_inbound(&self) -> Vec<Inbound> {
        if !self.is_open() {
            return Vec::new();
        }
        self.queues.inbound.try_iter().take(MAX_TAKEN).collect()
    }

    pub(super) fn step(&mut self, inbound: Inbound) {
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

    pub(super) fn step_message(&mut self, message: raftpb::Message) {
        let from = message.from;
        if let Err(error) = self.core.step(message) {
            self.shared.metrics.messages_refused.add(1);
            debug!(peer_id = %format_args!("{from:x}"), %error, "refused a raft message");
        }
    }

    /// Followers' proposals wait for the next batch; too many are dropped, as on any way between members.
    pub(super) fn take_forwarded(&mut self, from: u64, mut proposals: Vec<Bytes>) {
        let room = self.options.max_queued_proposals.saturating_sub(self.forwarded.len());
        let dropped = proposals.len().saturating_sub(room);
        self.shared.metrics.proposals_failed.add(dropped as u64);
        proposals.truncate(room);
        self.forwarded.extend(proposals.into_iter().map(|data| (from, data)));
    }

    pub(super) fn serve_controls(&mut self) {
        while let Ok(control) = self.queues.controls.try_recv() {
            self.serve(control);
        }
    }

    /// Whoever no longer waits for a reply has gone; nothing is to be done about it.
    pub(super) fn serve(&mut self, control: Control) {
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

    pub(super) fn progress(&self) -> Option<Vec<Progress>> {
        let members = self.core.conf_state();
        let ids = members.voters.into_iter().chain(members.learners);
        let of = |id| self.core.progress_of(id).map(|(matched, active)| Progress { id, matched, active });
        self.core.is_leader().then(|| ids.filter_map(of).collect())
    }
}
