//! The service `etcdserverpb.Watch`.
//!
//! A [`Session`] is one stream: requests go in, responses come out in one order. Over HTTP/2 it is driven by
//! [`answer`]; [`open`] gives the same stream to others in this process.

mod answer;
mod encode;
mod fragment;
mod local;
mod session;

pub(crate) use answer::answer;
pub use local::WatchStream;
pub(crate) use local::open;
use session::Session;

#[cfg(test)]
mod tests;
