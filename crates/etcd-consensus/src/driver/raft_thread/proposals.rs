//! What is proposed: own proposals and those that followers forwarded, as few batches as possible.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use tracing::debug;

use super::super::control::ProposalKind;
use super::{MAX_TAKEN, RaftThread};

/// Rounds that may be under way when more proposals are sent on their way: one that is being written, one that follows at once.
const ROUNDS_AHEAD: usize = 2;
/// Proposals that make the second of these rounds worth its messages, wake-ups and writes on every member. Fewer wait
/// and gather until the first one is durable.
const WORTH_A_ROUND: usize = 128;

impl<S: 'static> RaftThread<S> {
    pub(super) fn may_propose(&self) -> bool {
        self.is_open() && self.core.can_propose().is_ok() && self.has_round_free()
    }

    pub(super) fn waiting_proposals(&self) -> usize {
        self.forwarded.len() + self.queues.proposals.len()
    }

    pub(super) fn has_round_free(&self) -> bool {
        let under_way = self.rounds.len();
        under_way == 0 || (under_way < ROUNDS_AHEAD && self.waiting_proposals() >= WORTH_A_ROUND)
    }

    /// Proposes what has gathered, as one message where possible.
    pub(super) fn propose(&mut self) {
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

    pub(super) fn propose_batch(&mut self, batch: Vec<Bytes>) {
        let count = batch.len() as u64;
        if let Err(error) = self.core.propose(batch) {
            self.shared.metrics.proposals_failed.add(count);
            debug!(count, %error, "dropped proposals");
        }
    }
}
