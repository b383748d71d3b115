//! Whom the state machine tells what it does.

use etcd_proto::raftpb::{ConfChange, ConfState};

use crate::auth::AuthEvent;
use crate::members::MembershipChange;
use crate::outcome::Outcome;

/// Whoever runs Raft: takes a membership change at the moment it is applied.
pub trait Reconfigure {
    /// Applies the change (one with node id 0 changes nothing) and returns the configuration that results.
    ///
    /// # Errors
    /// A reason why the member must stop.
    fn apply_conf_change(&mut self, change: ConfChange) -> Result<ConfState, String>;
}

/// Is told what becomes of entries.
pub trait Observer {
    /// The entry proposed under `id` (never 0) was applied.
    fn applied(&mut self, id: u64, outcome: Outcome);
    /// A request of this [kind](crate::Request::kind) was carried out, or refused. Told before its outcome.
    fn carried_out(&mut self, _kind: &'static str, _has_succeeded: bool) {}
    /// The membership changed; peers must be connected or let go.
    fn membership_changed(&mut self, change: MembershipChange);
    /// Tokens came, or are no longer good. Told before the outcome of the entry.
    fn tokens_changed(&mut self, _event: AuthEvent<'_>) {}
    /// A lease was granted or revoked: whoever counts their time, or waits for the end of one, should look.
    fn leases_changed(&mut self) {}
}
