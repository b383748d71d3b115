//! Waiting between two attempts, so that a test need not.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

/// Passes the time between two attempts.
pub trait Pauses: fmt::Debug + Send + Sync {
    /// Ready after `length`.
    fn pause(&self, length: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The pauses of a program in production: by the clock.
#[derive(Debug, Clone, Copy)]
pub struct RealPauses;

impl Pauses for RealPauses {
    fn pause(&self, length: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(length))
    }
}
