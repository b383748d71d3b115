//! The client against services that behave, and against services that do not.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests, outside of test functions")]

mod hostile;
mod keys;
mod proxy;
mod real;
mod tls;
