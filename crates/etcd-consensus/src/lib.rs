//! Consensus for etcd: the `raft` crate, with everything around it that makes it a replicated log.
//!
//! Two layers, usable apart:
//!
//! - [`Core`] is one member without clock, thread, disk or network. It takes inputs (ticks, messages, proposals,
//!   reports of what became durable and applied) and yields [`Output`]s. A simulator can drive it, and does.
//! - [`start`] runs a core on three threads over a [`Log`], a [`StateMachine`] and an [`Outbox`], and returns a
//!   [`Raft`] handle.
//!
//! It is not a transport, not a log and not a state machine; those are behind the three traits. Nobody outside of
//! this crate sees the types of the `raft` crate: what goes in and out is etcd's own `raftpb`.
//!
//! # Invariants
//!
//! - A follower's message leaves after what it speaks of is durable; a leader's leaves at once. Rounds become
//!   durable in order, and [`Core::persisted`] is told before any answer can arrive.
//! - Entries are applied in order, each once per life, and only when committed *and* durable here. After a restart
//!   they begin behind what the state machine holds durably.
//! - A received snapshot is first installed durably, then marked in the log, then acknowledged. A member that
//!   stops in between finds its state ahead of its log, and starts the log again there.
//! - Whatever a peer sends, raft does not panic over it: see [`StepError`]. A panic in a thread stops the member
//!   with a reason all the same.
//! - The configuration that the state machine stores follows the entries it applies, even while raft has already
//!   taken over that of a newer snapshot.
//!
//! Raft 0.7.0 has rules that its documentation does not mention. They are kept here and have a test each, named
//! `rule_…`: appends are not batched by raft, a leader that leaves steps down, a read barrier waits for a commit in
//! the term, no election while the log is not durable or a snapshot is being installed, election timeouts from a
//! seed, and more.
//!
//! # What a proposal costs
//!
//! One push into a bounded queue and one `unpark`, which is a system call only when the `raft` thread sleeps. Per
//! *round*, shared by all proposals that gathered meanwhile: one message to each follower, one push to the `wal`
//! thread, one write, one sync, one push to the `apply` thread, and two reports, each an atomic store and an
//! `unpark`. No lock is taken on the way. The payload is never copied: every structure holds the same
//! [`Bytes`](bytes::Bytes).
//!
//! # What a read costs
//!
//! One push and one `unpark`, and a wake-up of the reader. Per *question*, shared by all readers that wait at one
//! member: a message to the leader and one back. Per *round*, shared by all questions that wait at the leader: a
//! heartbeat to each follower and its answer. A leader has one round under way at a time (a lost one is followed by
//! another), and a round never answers what was asked after it began.
//!
//! ```
//! use etcd_consensus::{Core, CoreOptions, RecoveredLog, bootstrap};
//!
//! // A cluster of one, driven by hand: everything is durable and applied at once.
//! let begin = bootstrap([(1, "{}".into())]);
//! let found = RecoveredLog {
//!     entries: begin.entries,
//!     hard_state: begin.hard_state,
//!     conf_state: begin.conf_state,
//!     ..RecoveredLog::default()
//! };
//! let mut core = Core::new(CoreOptions::new(1, 42), found)?;
//! let mut applied = Vec::new();
//! for _ in 0..30 {
//!     core.tick();
//!     if core.is_leader() && applied.len() < 3 {
//!         core.propose(vec!["hello".into()])?;
//!     }
//!     while let Some(output) = core.take_output() {
//!         if let Some(persist) = output.persist {
//!             core.persisted(persist.round);
//!         }
//!         if let Some(last) = output.committed.last() {
//!             core.applied(last.index);
//!         }
//!         applied.extend(output.committed);
//!     }
//! }
//! assert!(applied.iter().any(|entry| entry.data == "hello"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod barrier;
mod bootstrap;
mod convert;
mod core;
mod driver;
mod logger;

pub use barrier::{Asked, ReadBarrier};
pub use bootstrap::{Bootstrap, bootstrap};
pub use core::options::CoreOptions;
pub use core::output::{Leadership, Output, Persist, ReadState, Role};
pub use core::recover::{LoadError, RecoveredLog};
pub use core::status::{Awaits, CoreStatus};
pub use core::storage::Position;
pub use core::validate::StepError;
pub use core::{ConfChangeError, Core, ProposeError, ReadIndexError, TransferError};
pub use driver::control::Progress;
pub use driver::handle::{HandOverError, Raft, SubmitError};
pub use driver::log::{Appended, Log, Round};
pub use driver::machine::{ApplyConfError, ApplyContext, StateMachine, Stop};
pub use driver::metrics::{Counter, FSYNC_BOUNDS_MS, Histogram, Metrics};
pub use driver::options::Options;
pub use driver::outbox::Outbox;
pub use driver::status::Status;
pub use driver::{StartError, start};
