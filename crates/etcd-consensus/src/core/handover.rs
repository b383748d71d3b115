//! A leader hands over to this member.

use etcd_proto::raftpb;
use raft::StateRole;

use super::Core;
use crate::convert::message;

/// What the leader asked for, while this member cannot do it yet.
pub(super) struct HandOver {
    /// The leader's `MsgTimeoutNow`.
    order: raftpb::Message,
    /// Ticks after which the leader has given up.
    ticks: usize,
    /// Where the state machine stood when raft was last told: until it moves, raft would say the same again.
    tried_at: Option<u64>,
}

impl Core {
    /// Takes the order to start an election. A leader gives it once, and raft 0.7.0 drops it on a member whose log is
    /// not durable to the end, that has messages to send, or that has not applied a change of the configuration: all of
    /// that is over in a moment, so the order is kept until then.
    pub(super) fn take_order(&mut self, order: raftpb::Message) {
        self.handover = Some(HandOver { order, ticks: self.options.election_ticks, tried_at: None });
        self.follow_order();
    }

    /// Starts the election that was ordered, if that is possible now.
    pub(super) fn follow_order(&mut self) {
        let (term, may, applied) = (self.term(), self.may_campaign(), self.raw.raft.raft_log.applied);
        let Some(handover) = &mut self.handover else { return };
        if handover.order.term < term {
            self.handover = None;
            return;
        }
        if !may || handover.tried_at.replace(applied) == Some(applied) {
            return;
        }
        if let Some(order) = message::to_raft(handover.order.clone()) {
            // What raft refuses now it is told again when more is applied.
            let _ = self.raw.step(order);
        }
        self.set_timeout();
        if self.raw.raft.state != StateRole::Follower {
            self.handover = None;
        }
    }

    /// An order is void when its leader no longer waits.
    pub(super) fn age_order(&mut self) {
        if let Some(handover) = &mut self.handover {
            handover.ticks -= 1;
        }
        self.handover.take_if(|handover| handover.ticks == 0);
    }
}
