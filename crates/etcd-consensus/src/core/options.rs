//! What a core is told about itself.

/// Settings of one member's core.
#[derive(Clone, Debug)]
pub struct CoreOptions {
    /// This member's id; not zero.
    pub id: u64,
    /// Ticks without a leader before an election, at least; more than `heartbeat_ticks`.
    /// The timeout itself is drawn from `[election_ticks, 2 * election_ticks)` whenever term or role changes.
    pub election_ticks: usize,
    /// Ticks between two heartbeats of a leader.
    pub heartbeat_ticks: usize,
    /// Whether an election starts with a round that asks without raising the term.
    pub pre_vote: bool,
    /// Payload bytes in one append message, about; also of one forwarded batch of proposals.
    pub max_message_bytes: u64,
    /// Append messages that may be under way to one follower.
    pub max_inflight: usize,
    /// Bytes of proposals that a leader holds uncommitted before it takes no more.
    pub max_uncommitted_bytes: u64,
    /// Bytes of committed entries in one [`Output`](crate::Output).
    pub max_committed_bytes: u64,
    /// Bytes of committed entries that were handed out and are not applied, before a member takes no more.
    pub max_unapplied_bytes: u64,
    /// Seed of the election timeouts. Members of a cluster need different ones.
    pub seed: u64,
}

impl CoreOptions {
    /// etcd's defaults for a member: 10 ticks election, 1 tick heartbeat, messages of 1 MiB, 512 under way.
    ///
    /// # Source
    /// etcd `server/etcdserver/raft.go` `maxSizePerMsg`, `maxInflightMsgs`.
    pub fn new(id: u64, seed: u64) -> Self {
        Self {
            id,
            election_ticks: 10,
            heartbeat_ticks: 1,
            pre_vote: true,
            max_message_bytes: 1 << 20,
            max_inflight: 512,
            max_uncommitted_bytes: 256 << 20,
            max_committed_bytes: 4 << 20,
            max_unapplied_bytes: 256 << 20,
            seed,
        }
    }

    pub(crate) fn config(&self, applied: u64) -> raft::Config {
        raft::Config {
            id: self.id,
            election_tick: self.election_ticks,
            heartbeat_tick: self.heartbeat_ticks,
            min_election_tick: self.election_ticks,
            max_election_tick: self.election_ticks * 2,
            applied,
            max_size_per_msg: self.max_message_bytes,
            max_inflight_msgs: self.max_inflight,
            check_quorum: true,
            pre_vote: self.pre_vote,
            read_only_option: raft::ReadOnlyOption::Safe,
            // See `Core::has_unannounced_commit`.
            skip_bcast_commit: true,
            // Must stay false: raft 0.7.0 glues entries onto a commit-only append without comparing indexes,
            // and then counts entries as replicated that are not.
            batch_append: false,
            priority: 0,
            max_uncommitted_size: self.max_uncommitted_bytes.max(self.max_message_bytes),
            max_committed_size_per_ready: self.max_committed_bytes,
        }
    }
}
