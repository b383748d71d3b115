//! Consensus for etcd.

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
pub use core::status::CoreStatus;
pub use core::storage::Position;
pub use core::validate::StepError;
pub use core::{ConfChangeError, Core, ProposeError, ReadIndexError, TransferError};
pub use driver::control::Progress;
pub use driver::handle::{HandOverError, Raft, SubmitError};
pub use driver::log::{Log, Round};
pub use driver::machine::{ApplyConfError, ApplyContext, StateMachine, Stop};
pub use driver::metrics::{Counter, FSYNC_BOUNDS_MS, Histogram, Metrics};
pub use driver::options::Options;
pub use driver::outbox::Outbox;
pub use driver::status::Status;
pub use driver::{StartError, start};
