//! Members, learners, their ids and URLs, and the rules of cluster membership.
//!
//! Pure: no I/O, no clock, no randomness.

mod id;
mod member;

pub use id::{ClusterId, MemberId, ParseIdError};
pub use member::Member;
