//! What a core asks of its driver.

use etcd_proto::raftpb;

/// Work that became due. Everything in it can be carried out side by side, but for what [`Persist`] says.
#[derive(Debug, Default)]
pub struct Output {
    /// Send now: a leader replicates while its own disk writes.
    pub messages: Vec<raftpb::Message>,
    /// Snapshots (`MsgSnap`) that a follower needs, without data. Replace the metadata by what the state machine
    /// has at the moment, send, and report the outcome with [`Core::report_snapshot`](crate::Core::report_snapshot).
    pub snapshots: Vec<raftpb::Message>,
    /// What must become durable.
    pub persist: Option<Persist>,
    /// Committed entries to apply, in order, contiguous with those handed out before.
    pub committed: Vec<raftpb::Entry>,
    /// Answers to [`Core::read_index`](crate::Core::read_index).
    pub read_states: Vec<ReadState>,
    /// Set when leader, role or term is not what the last output said.
    pub leadership: Option<Leadership>,
}

/// A round of durability. Rounds become durable in their order; several may be under way.
#[derive(Debug, Default)]
pub struct Persist {
    /// Number of the round, for [`Core::persisted`](crate::Core::persisted).
    pub round: u64,
    /// Install this snapshot first, when all earlier rounds are durable: bring the state machine to it durably, then
    /// put a mark into the log, and only then the rest of the round. The order matters: a log that ends in a torn
    /// write before what the state machine holds counts as damaged.
    pub snapshot: Option<raftpb::SnapshotMetadata>,
    /// Append to the log, replacing what is there at and after the index of the first one.
    pub entries: Vec<raftpb::Entry>,
    /// Save with the entries.
    pub hard_state: Option<raftpb::HardState>,
    /// Whether the round must be synced before it counts as durable.
    pub must_sync: bool,
    /// Send after the round is durable and [`Core::persisted`](crate::Core::persisted) was told, or is certain to
    /// be told before any answer to these can arrive.
    pub messages_after: Vec<raftpb::Message>,
}

/// An answer to a read barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadState {
    /// The context that [`Core::read_index`](crate::Core::read_index) was given.
    pub context: u64,
    /// A read may be served once this index is applied.
    pub index: u64,
}

/// Who leads, as this member sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The leader's id; zero when there is none.
    pub leader: u64,
    /// The term.
    pub term: u64,
    /// This member's role.
    pub role: Role,
}

/// The part that a member plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// Follows a leader, or waits for one.
    #[default]
    Follower = 0,
    /// Asks whether an election could be won.
    PreCandidate = 1,
    /// Asks for votes.
    Candidate = 2,
    /// Leads.
    Leader = 3,
}

impl From<raft::StateRole> for Role {
    fn from(role: raft::StateRole) -> Self {
        match role {
            raft::StateRole::Follower => Self::Follower,
            raft::StateRole::PreCandidate => Self::PreCandidate,
            raft::StateRole::Candidate => Self::Candidate,
            raft::StateRole::Leader => Self::Leader,
        }
    }
}
