//! Whether a concurrent history is linearizable.
//!
//! A history is recorded with a [`Recorder`]: [`Recorder::call`] when a client begins an operation, and
//! [`Recorder::give`] with what it returned. What was never given is *pending*: it may have taken effect at any moment
//! after its call, or never. [`check`] then looks for an order of the operations that a [`Model`] accepts.
//!
//! Invariants: no clock, no randomness, no I/O. The order of the calls of a recorder's methods is the order of time, so
//! `call` must be made before the operation begins, and `give` after it has ended.
//!
//! ```
//! use etcd_linearize::{Model, Recorder, Verdict, check};
//!
//! struct Register;
//! impl Model for Register {
//!     type State = u32;
//!     type Op = Option<u32>; // a write, or a read
//!     type Output = u32;
//!     fn initial(&self) -> u32 {
//!         0
//!     }
//!     fn step(&self, state: &u32, op: &Option<u32>, output: Option<&u32>) -> Option<u32> {
//!         let next = op.unwrap_or(*state);
//!         output.is_none_or(|output| *output == next).then_some(next)
//!     }
//! }
//!
//! let mut history = Recorder::new();
//! let write = history.call(Some(7));
//! let read = history.call(None);
//! history.give(write, 7);
//! history.give(read, 0);
//! assert_eq!(check(&Register, &history, 1000), Verdict::Linearizable, "the read was first");
//!
//! let late = history.call(None);
//! history.give(late, 0);
//! assert!(matches!(check(&Register, &history, 1000), Verdict::NotLinearizable { .. }), "a stale read");
//! ```

mod check;
mod history;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::hash::Hash;

pub use check::{Verdict, check};
pub use history::{Id, Operation, Recorder};

/// A sequential object: what its operations do, one after the other.
pub trait Model {
    /// What it remembers. Equal states behave alike.
    type State: Clone + Eq + Hash;
    /// What is asked of it.
    type Op: Debug;
    /// What it answers.
    type Output: Debug;

    /// The state that a history begins with.
    fn initial(&self) -> Self::State;

    /// The state after `op`, if `op` may answer `output` in `state`. `output` is `None` when nobody knows it: then
    /// any answer will do.
    fn step(&self, state: &Self::State, op: &Self::Op, output: Option<&Self::Output>) -> Option<Self::State>;
}
