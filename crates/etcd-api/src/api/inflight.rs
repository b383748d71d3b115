//! A bound on the bytes of large requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;

/// The bytes of large requests that are being received or answered.
#[derive(Clone)]
pub(crate) struct Inflight {
    used: Arc<AtomicUsize>,
    limit: usize,
}

/// A share of the limit, given back on drop.
#[derive(Debug)]
pub(crate) struct Reserved {
    used: Arc<AtomicUsize>,
    size: usize,
}

impl Inflight {
    /// Requests up to this size are not counted: the number of streams bounds them.
    pub(crate) const SMALL: usize = 64 << 10;

    pub(crate) fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    /// Makes room for a request of `size` bytes.
    pub(crate) fn reserve(&self, size: usize) -> Result<Option<Reserved>, Error> {
        if size <= Self::SMALL {
            return Ok(None);
        }
        let reserved = Reserved { used: Arc::clone(&self.used), size };
        let before = self.used.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > self.limit {
            Err(Error::TooManyRequests)
        } else {
            Ok(Some(reserved))
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.used.fetch_sub(self.size, Ordering::Relaxed);
    }
}
