//! Consensus for etcd.

mod bootstrap;
mod convert;
mod core;
mod logger;

pub use bootstrap::{Bootstrap, bootstrap};
pub use core::options::CoreOptions;
pub use core::output::{Leadership, Output, Persist, ReadState, Role};
pub use core::recover::{LoadError, RecoveredLog};
pub use core::status::CoreStatus;
pub use core::storage::Position;
pub use core::validate::StepError;
pub use core::{ConfChangeError, Core, ProposeError, ReadIndexError, TransferError};
